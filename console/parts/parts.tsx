/** Small parts of every page: sections, times that tell how long ago, states in words, names, notices, key and value. */
import type { ComponentChildren } from 'preact';
import { stateInWords } from '../../contracts/run-words.ts';
import { topOf } from '../run/stages.ts';
import type { ApiError } from '../state/api.ts';
import { now } from '../state/live.ts';
import { linkTo } from '../state/route.ts';
import { ago, moment } from '../words.ts';

export function Section({ id, title, children }: { id: string; title: string; children: ComponentChildren }) {
  return (
    <section aria-labelledby={`${id}-title`} id={id}>
      <h2 id={`${id}-title`}>{title}</h2>
      {children}
    </section>
  );
}

export const Note = ({ children }: { children: ComponentChildren }) => <p class="note">{children}</p>;

/** Until the first answer. */
export const Looking = ({ at: { data, error } }: { at: { readonly data: unknown; readonly error: unknown } }) =>
  data === null && error === null ? <Note>Looking.</Note> : null;

/** Beside what was known before. */
export const Failed = ({ error }: { error: ApiError | null }) =>
  error === null ? null : (
    <p class="failed" role="alert">
      {error.message} <code>{error.code}</code>
    </p>
  );

export const When = ({ at }: { at: string }) => (
  <time dateTime={at} title={moment(at)}>
    {ago(at, now.value)}
  </time>
);

export const Moment = ({ at }: { at: string }) => <time dateTime={at}>{moment(at)}</time>;

/** A name may be in any writing, and may be anything. */
export const Name = ({ text }: { text: string }) => <bdi>{text}</bdi>;

export const RunLink = ({ runId }: { runId: string }) => (
  <a href={linkTo('runs', runId)}>
    <Name text={runId} />
  </a>
);

const GOOD = ['completed', 'unchanged', 'rolledBack'];
const BAD = ['failed', 'rejected', 'needsOperator', 'undoFailed'];
const WAITING = ['awaitingApproval', 'paused', 'retrying', 'compensating', 'cancelled', 'undone'];

export function State({ path }: { path: string }) {
  const top = topOf(path);
  const look = GOOD.includes(top) ? 'good' : BAD.includes(top) ? 'bad' : WAITING.includes(top) ? 'unsure' : 'active';
  return <span class={`state ${look}`}>{stateInWords(path)}</span>;
}

export interface Fact {
  readonly name: string;
  readonly value: ComponentChildren;
}

export const Facts = ({ facts }: { facts: readonly (Fact | null)[] }) => (
  <dl class="facts">
    {facts.map((fact) =>
      fact === null ? null : (
        <div key={fact.name}>
          <dt>{fact.name}</dt>
          <dd>{fact.value}</dd>
        </div>
      ),
    )}
  </dl>
);

export interface Column<T> {
  readonly head: string;
  readonly cell: (row: T) => ComponentChildren;
  readonly isNumber?: boolean;
}

interface TableProps<T> {
  readonly caption: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  /** Where a cell has a state of its own, such as an image that is shown; absent: its place. */
  readonly rowKey?: (row: T) => string;
}

/** On a narrow page each row is a card, and each cell says its column. */
export function Table<T>({ caption, columns, rows, rowKey }: TableProps<T>) {
  return (
    <table class="cards">
      <caption class="unseen">{caption}</caption>
      <thead>
        <tr>
          {columns.map(({ head, isNumber }) => (
            <th key={head} scope="col" class={isNumber ? 'number' : ''}>
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => (
          <tr key={rowKey?.(row) ?? index}>
            {columns.map(({ head, cell, isNumber }) => (
              <td key={head} data-head={head} class={isNumber ? 'number' : ''}>
                {cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
