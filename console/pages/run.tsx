/** One run: where it stands and why, its stages, its way through the machine, its data, its figures, its time line. */
import type { Answer, TimelineEntry } from '../../contracts/api.ts';
import { causeInWords, stateInWords } from '../../contracts/run-words.ts';
import type { API } from '../../contracts/subjects.ts';
import { Acts } from '../parts/acts.tsx';
import { Facts, Failed, Looking, Moment, Name, Note, RunLink, Section, State, When } from '../parts/parts.tsx';
import { Evidence } from '../run/evidence.tsx';
import { runActs } from '../run/run-acts.tsx';
import { StageList } from '../run/stage-list.tsx';
import { statesOf } from '../run/way.ts';
import { swaps } from '../state/live.ts';
import { useResource } from '../state/resource.ts';
import { graphOf, type MachineState } from '../statechart/graph.ts';
import { Statechart } from '../statechart/chart.tsx';
import { duration, swapTime } from '../words.ts';

type RunAnswer = Answer<typeof API.run>;

export function Run({ runId }: { runId: string }) {
  const found = useResource<RunAnswer>(`/runs/${encodeURIComponent(runId)}`);
  const { data: run, error } = found;
  const machine = useResource<MachineState>('/statechart', { once: true }).data;
  return (
    <>
      <h1>
        Run <Name text={runId} />
      </h1>
      <Looking at={found} />
      <Failed error={error} />
      {run === null ? null : (
        <>
          <Summary run={run} />
          <Evidence run={run} />
          <div class="pair">
            <Section id="timeline" title="Time line">
              <TimeLine entries={run.timeline} />
            </Section>
            <Section id="statechart" title="Way through the machine">
              {machine === null ? (
                <Note>Looking.</Note>
              ) : (
                <Statechart graph={graphOf(machine)} states={statesOf(run.timeline)} />
              )}
            </Section>
          </div>
        </>
      )}
    </>
  );
}

function Summary({ run }: { run: RunAnswer }) {
  const { runId, model, kind, state, startedAt, updatedAt, status, failure, context, timeline } = run;
  const swapUs = swaps.value.get(runId);
  const tookMs = Date.parse(updatedAt) - Date.parse(startedAt);
  return (
    <Section id="summary" title="Where it stands">
      <p class="large">
        <State path={state} />
      </p>
      {failure === null ? null : <p class="failed">{failure}</p>}
      <Facts
        facts={[
          { name: 'Model', value: model },
          { name: 'Kind', value: kind },
          { name: 'Began', value: <When at={startedAt} /> },
          status === 'done' ? { name: 'Took', value: duration(tookMs) } : null,
          swapUs === undefined ? null : { name: 'Slowest replica switched in', value: swapTime(swapUs) },
          context.forkedFrom && { name: 'Goes on from', value: <RunLink runId={context.forkedFrom.runId} /> },
          context.blessing ? { name: 'Blessed by', value: `${context.blessing.by}: ${context.blessing.reason}` } : null,
        ]}
      />
      {kind === 'rollback' ? null : <StageList runId={runId} timeline={timeline} />}
      <Acts acts={runActs(run)} />
    </Section>
  );
}

const TimeLine = ({ entries }: { entries: readonly TimelineEntry[] }) => (
  <ol class="timeline">
    {entries.map((entry) => (
      <Step key={entry.transition} entry={entry} />
    ))}
  </ol>
);

function Step({ entry: { at, cause, state, attempt, actor, by, durationMs, failure } }: { entry: TimelineEntry }) {
  return (
    <li>
      <span class="step-what">
        {causeInWords(cause)} → <strong>{stateInWords(state)}</strong>
      </span>
      {failure === null ? null : (
        <span class="step-why">
          {failure.message} <code>{failure.code}</code>
        </span>
      )}
      <span class="note">
        <Moment at={at} />, by <Name text={by ?? actor} />
        {attempt > 1 ? `, attempt ${attempt}` : ''}
        {durationMs === null ? '' : `, for ${duration(durationMs)}`}
      </span>
    </li>
  );
}
