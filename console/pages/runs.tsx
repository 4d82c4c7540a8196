/** All runs, newest first. However many there are, the page holds only those rows that are seen. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Answer, RunSummary } from '../../contracts/api.ts';
import { stateInWords, STATE_NAMES } from '../../contracts/run-words.ts';
import type { API } from '../../contracts/subjects.ts';
import { Failed, Name, State, When } from '../parts/parts.tsx';
import { windowOf } from '../parts/window-of.ts';
import { getJson, type ApiError } from '../state/api.ts';
import { linkTo } from '../state/route.ts';
import { useResource } from '../state/resource.ts';
import { count } from '../words.ts';
import { merged } from './run-pages.ts';

const ROW = 64;
const PAGE = 200;

interface Page {
  readonly runs: readonly RunSummary[];
  readonly next: string | null;
  readonly total: number;
}

export function Runs() {
  const model = useSignal('');
  const state = useSignal('');
  const models = useResource<Answer<typeof API.models>>('/models', { once: true });
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (model.value !== '') query.set('model', model.value);
  if (state.value !== '') query.set('state', state.value);
  return (
    <>
      <h1>Runs</h1>
      <form class="filters" aria-label="Which runs" onSubmit={(event) => event.preventDefault()}>
        <Choice label="Model" chosen={model} of={Object.keys(models.data?.models ?? {})} />
        <Choice label="State" chosen={state} of={STATE_NAMES} words={stateInWords} />
      </form>
      <List key={query.toString()} query={query.toString()} />
    </>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly chosen: { value: string };
  readonly of: readonly string[];
  readonly words?: (value: string) => string;
}
const Choice = ({ label, chosen, of, words = (it) => it }: ChoiceProps) => (
  <label>
    {label}
    <select value={chosen.value} onChange={(event) => (chosen.value = event.currentTarget.value)}>
      <option value="">all</option>
      {of.map((value) => (
        <option key={value} value={value}>
          {words(value)}
        </option>
      ))}
    </select>
  </label>
);

function List({ query }: { query: string }) {
  const { data: newest, error } = useResource<Page>(`/runs?${query}`);
  const older = useSignal<Page | null>(null);
  const failed = useSignal<ApiError | null>(null);
  const isBusy = useRef(false);
  const place = useRef<HTMLDivElement>(null);
  const scrolled = useSignal({ top: 0, height: 600 });
  const runs = merged(newest?.runs ?? [], older.value?.runs ?? []);
  const next = older.value === null ? (newest?.next ?? null) : older.value.next;
  const shown = windowOf(scrolled.value.top, scrolled.value.height, ROW, runs.length);
  const look = () => {
    const { scrollTop: top } = place.current!; // In the page, as it is scrolled.
    scrolled.value = { top, height: window.innerHeight };
  };
  const more = async () => {
    if (isBusy.current || next === null) return;
    isBusy.current = true;
    await getJson<Page>(`/runs?${query}&cursor=${encodeURIComponent(next)}`).then(
      (page) => (older.value = { ...page, runs: merged(older.value?.runs ?? [], page.runs) }),
      (problem: unknown) => (failed.value = problem as ApiError), // getJson throws no other.
    );
    isBusy.current = false;
  };
  useEffect(look, []);
  useEffect(() => {
    if (shown.to >= runs.length - 20) void more(); // Its errors are shown.
  }, [shown.to, next]);
  const total = newest?.total ?? 0;
  return (
    <>
      <Failed error={error ?? failed.value} />
      <p class="note" role="status">
        {newest === null ? 'Looking.' : count(total, 'run')}
      </p>
      <div class="list" ref={place} onScroll={look} tabIndex={0} role="region" aria-label="Runs, newest first">
        <ul style={{ height: `${runs.length * ROW}px` }}>
          {runs.slice(shown.from, shown.to).map((run, index) => {
            const at = shown.from + index;
            return (
              <li key={run.runId} style={{ top: `${at * ROW}px` }} aria-posinset={at + 1} aria-setsize={total}>
                <RunRow run={run} />
              </li>
            );
          })}
        </ul>
      </div>
    </>
  );
}

const RunRow = ({ run: { runId, model, kind, state, startedAt, failure } }: { run: RunSummary }) => (
  <a class="row" href={linkTo('runs', runId)}>
    <span class="row-name">
      <Name text={runId} />
    </span>
    <State path={state} />
    <span class="row-about">
      {kind === 'rollback' ? 'rollback of ' : ''}
      {model}, <When at={startedAt} />
      {failure === null ? '' : `: ${failure}`}
    </span>
  </a>
);
