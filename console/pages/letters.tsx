/** Messages that nobody could handle, each to be sent again or thrown away; and, apart, commands that were refused. */
import type { Answer, ListedLetter } from '../../contracts/api.ts';
import { API, CTL } from '../../contracts/subjects.ts';
import { Acts, type Act } from '../parts/acts.tsx';
import { Failed, Looking, Moment, Name, Note, Section, Table } from '../parts/parts.tsx';
import { useResource } from '../state/resource.ts';
import { count } from '../words.ts';

export function Letters() {
  const letters = useResource<Answer<typeof API.deadLetters>>('/dead-letters?limit=100');
  const refusals = useResource<Answer<typeof API.refusals>>('/refusals?limit=100');
  return (
    <>
      <h1>Dead letters and refusals</h1>
      <Section id="letters" title="Dead letters">
        <Looking at={letters} />
        <Failed error={letters.error} />
        <Total data={letters.data} one="dead letter" none="No message was given up." />
        {letters.data && letters.data.letters.length > 0 ? <LetterTable letters={letters.data.letters} /> : null}
      </Section>
      <Section id="refusals" title="Refused commands">
        <Looking at={refusals} />
        <Failed error={refusals.error} />
        <Total data={refusals.data} one="refused command" none="No command was refused." />
        {refusals.data && refusals.data.refusals.length > 0 ? <RefusalTable refusals={refusals.data.refusals} /> : null}
      </Section>
    </>
  );
}

const Total = ({ data, one, none }: { data: { total: number } | null; one: string; none: string }) =>
  data === null ? null : <Note>{data.total === 0 ? none : count(data.total, one)}</Note>;

const LetterTable = ({ letters }: { letters: readonly ListedLetter[] }) => (
  <Table
    caption="Dead letters, newest first"
    rows={letters}
    columns={[
      { head: 'Number', cell: ({ seq }) => seq },
      { head: 'Kept', cell: ({ keptAt }) => <Moment at={keptAt} /> },
      { head: 'Message', cell: ({ subject }) => <code>{subject === '' ? 'gone' : subject}</code> },
      {
        head: 'Why',
        cell: ({ error, code }) => (
          <>
            <Name text={error} /> <code>{code}</code>
          </>
        ),
      },
      { head: 'Tried', cell: ({ deliveries }) => count(deliveries, 'time') },
      { head: 'Act', cell: (letter) => <Acts acts={[redrive(letter), drop(letter)]} /> },
    ]}
  />
);

const RefusalTable = ({ refusals }: { refusals: Answer<typeof API.refusals>['refusals'] }) => (
  <Table
    caption="Refused commands, newest first"
    rows={refusals}
    columns={[
      { head: 'When', cell: ({ storedAt }) => <Moment at={storedAt} /> },
      { head: 'By', cell: ({ by }) => <Name text={by} /> },
      { head: 'Command', cell: ({ subject }) => <code>{subject}</code> },
      {
        head: 'Why',
        cell: ({ error, code }) => (
          <>
            <Name text={error} /> <code>{code}</code>
          </>
        ),
      },
    ]}
  />
);

const redrive = ({ seq, subject }: ListedLetter): Act => ({
  subject: CTL.dlqRedrive,
  data: () => ({ seq }),
  ...{ label: 'Send again', look: 'main', title: `Send dead letter ${seq} again` },
  body: (
    <p>
      It is published once more as <code>{subject}</code>, and is a dead letter no longer.
    </p>
  ),
});
const drop = ({ seq }: ListedLetter): Act => ({
  subject: CTL.dlqDrop,
  data: () => ({ seq }),
  ...{ label: 'Throw away', look: 'danger', title: `Throw dead letter ${seq} away` },
  body: <p>It is gone for good.</p>,
});
