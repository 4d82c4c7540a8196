/** The replicas that give a sign of life, with what they serve and how; and the parts of the system, whether each can work. */
import type { ReplicaStatus } from '../../contracts/replica.ts';
import { Failed, Looking, Name, Note, Section, Table, When } from '../parts/parts.tsx';
import { PARTS_PATH } from '../state/api.ts';
import { useResource } from '../state/resource.ts';
import { milliseconds, swapTime } from '../words.ts';

interface Parts {
  /** What each lacks; empty: it can work. */
  readonly parts: Readonly<Record<string, readonly string[]>>;
}

export function Replicas() {
  const replicas = useResource<{ replicas: ReplicaStatus[] }>('/replicas', { beats: true });
  const { data, error } = replicas;
  const parts = useResource<Parts>(PARTS_PATH, { beats: true });
  return (
    <>
      <h1>Replicas and actors</h1>
      <Section id="replicas" title="Replicas">
        <Looking at={replicas} />
        <Failed error={error} />
        {data?.replicas.length === 0 ? <Note>No replica gives a sign of life.</Note> : null}
        {data && data.replicas.length > 0 ? <ReplicaTable replicas={data.replicas} /> : null}
      </Section>
      <Section id="parts" title="Actors and other parts">
        <Looking at={parts} />
        <Failed error={parts.error} />
        {parts.data === null ? null : <PartTable parts={Object.entries(parts.data.parts)} />}
      </Section>
    </>
  );
}

const PartTable = ({ parts }: { parts: readonly (readonly [string, readonly string[]])[] }) => (
  <Table
    caption="Parts of the system and what each lacks"
    rows={parts}
    columns={[
      { head: 'Part', cell: ([name]) => name },
      {
        head: 'State',
        cell: ([, lacks]) =>
          lacks.length === 0 ? (
            <span class="state good">can work</span>
          ) : (
            <span class="failed">{lacks.join('; ')}</span>
          ),
      },
    ]}
  />
);

const figure = (value: number | undefined) => (value === undefined ? '–' : milliseconds(value));

const ReplicaTable = ({ replicas }: { replicas: readonly ReplicaStatus[] }) => (
  <Table
    caption="Replicas with a heartbeat"
    rows={replicas}
    columns={[
      { head: 'Replica', cell: ({ replicaId }) => <Name text={replicaId} /> },
      { head: 'Model', cell: ({ model }) => model },
      { head: 'Release', cell: ({ release }) => release ?? '–' },
      { head: 'State', cell: (replica) => <Condition replica={replica} /> },
      { head: 'Requests', cell: ({ figures }) => figures.requests.toLocaleString('en-GB'), isNumber: true },
      { head: 'Failed', cell: ({ figures }) => figures.failed.toLocaleString('en-GB'), isNumber: true },
      { head: 'p50', cell: ({ figures }) => figure(figures.latencyMs?.p50), isNumber: true },
      { head: 'p99', cell: ({ figures }) => figure(figures.latencyMs?.p99), isNumber: true },
      {
        head: 'Last swap',
        cell: ({ swapUs }) => (swapUs === null ? '–' : swapTime(swapUs)),
        isNumber: true,
      },
      { head: 'Version', cell: ({ version }) => version ?? '–' },
      { head: 'Began', cell: ({ startedAt }) => <When at={startedAt} /> },
    ]}
  />
);

function Condition({ replica: { outOfService, alarm, release, draining } }: { replica: ReplicaStatus }) {
  const trouble = outOfService ?? alarm;
  if (trouble !== null) return <span class="failed">{trouble}</span>;
  if (release === null) return <span class="state unsure">serves nothing yet</span>;
  return <span class="state good">{draining ? 'serves, ends earlier requests' : 'serves'}</span>;
}
