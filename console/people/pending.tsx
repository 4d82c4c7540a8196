/** Changes of the gallery that wait for a second person, with the image that is to be approved. */
import type { PendingChange } from '../../contracts/inference.ts';
import { Acts } from '../parts/acts.tsx';
import { Failed, Looking, Name, Note, Section, Table, When } from '../parts/parts.tsx';
import { useResource } from '../state/resource.ts';
import { approveAct, changes, rejectAct } from './acts.tsx';
import { pendingPath } from './api.ts';
import { Picture } from './picture.tsx';

export function Pending({ model }: { model: string }) {
  const found = useResource<{ pending: PendingChange[] }>(pendingPath(model), {
    ...{ once: true, version: String(changes.value) },
  });
  const { data, error } = found;
  return (
    <Section id="pending" title="Waiting for a second person">
      <Looking at={found} />
      <Failed error={error} />
      {data?.pending.length === 0 ? <Note>No change of the gallery waits for approval.</Note> : null}
      {data && data.pending.length > 0 ? (
        <Table
          caption="Changes that wait, oldest first"
          rows={data.pending}
          rowKey={({ pending }) => pending}
          columns={[
            { head: 'Change', cell: ({ verb }) => (verb === 'enroll' ? 'enrol' : 'remove') },
            { head: 'Name', cell: ({ person }) => <Name text={person} /> },
            { head: 'By', cell: ({ by }) => <Name text={by} /> },
            { head: 'Asked', cell: ({ askedAt }) => <When at={askedAt} /> },
            { head: 'Given up', cell: ({ expiresAt }) => <When at={expiresAt} /> },
            {
              head: 'Image',
              cell: ({ verb, pending, person }) =>
                verb === 'remove' ? (
                  '–'
                ) : (
                  <Picture model={model} of={{ pending }} alt={`the image of ${person}`} label="Show" />
                ),
            },
            {
              head: 'Act',
              cell: ({ pending, person, verb }) => (
                <Acts acts={[approveAct, rejectAct].map((act) => act(model, pending, person, verb))} />
              ),
            },
          ]}
        />
      ) : null}
    </Section>
  );
}
