/** Runs that wait for somebody: for approval, paused, or in need of help; each with why, and what may be done. */
import type { Answer, RunSummary } from '../../contracts/api.ts';
import type { API } from '../../contracts/subjects.ts';
import { Acts } from '../parts/acts.tsx';
import { Failed, Looking, Name, Note, RunLink, Section, State, When } from '../parts/parts.tsx';
import { reasonsOf } from '../run/reasons.ts';
import { runActs } from '../run/run-acts.tsx';
import { useResource } from '../state/resource.ts';

export function useHeld(): readonly RunSummary[] {
  return useResource<{ runs: RunSummary[] }>('/held').data?.runs ?? [];
}

export function Held() {
  const found = useResource<{ runs: RunSummary[] }>('/held');
  const { data, error } = found;
  return (
    <>
      <h1>Waiting for somebody</h1>
      <Looking at={found} />
      <Failed error={error} />
      {data?.runs.length === 0 ? <Note>No run waits for anybody.</Note> : null}
      {data?.runs.map((run) => (
        <HeldRun key={run.runId} run={run} />
      ))}
    </>
  );
}

function HeldRun({ run }: { run: RunSummary }) {
  const { runId, model, state, updatedAt } = run;
  const path = `/runs/${encodeURIComponent(runId)}`;
  // Its memory says why.
  const { data, error } = useResource<Answer<typeof API.run>>(path, { once: true, version: updatedAt });
  return (
    <Section id={`held-${runId}`} title={runId}>
      <p>
        <State path={state} /> since <When at={updatedAt} />, model {model}. <RunLink runId={runId} />
      </p>
      <Failed error={error} />
      {data === null ? null : (
        <ul class="reasons" aria-label={`Why ${runId} waits`}>
          {reasonsOf(data).map((reason) => (
            <li key={reason}>
              <Name text={reason} />
            </li>
          ))}
        </ul>
      )}
      <Acts acts={runActs(data ?? run)} />
    </Section>
  );
}
