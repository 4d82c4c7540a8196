/** Each model at a glance: what serves, on which replicas, how requests fare, and the run that is under way. */
import { useEffect, useState } from 'preact/hooks';
import type { Answer, ModelStatus } from '../../contracts/api.ts';
import { API, CTL } from '../../contracts/subjects.ts';
import { Acts, type Act } from '../parts/acts.tsx';
import { Facts, Failed, Looking, Note, RunLink, Section, State, When } from '../parts/parts.tsx';
import { Plot } from '../parts/plot.tsx';
import { StageList } from '../run/stage-list.tsx';
import { runActs } from '../run/run-acts.tsx';
import { useResource } from '../state/resource.ts';
import { count, duration, milliseconds, percentOrDash } from '../words.ts';
import { trafficOf, withSample, type Sample, type Traffic } from './traffic.ts';

export function Overview() {
  const status = useResource<Answer<typeof API.status>>('/status', { beats: true });
  const { data, error } = status;
  return (
    <>
      <h1>Overview</h1>
      <Failed error={error} />
      {data?.lacking.map((lack) => (
        <p class="failed" key={lack}>
          Lacking: {lack}
        </p>
      ))}
      <Looking at={status} />
      {data?.models.length === 0 ? <Note>No model is configured.</Note> : null}
      {data?.models.map((model) => (
        <Model key={model.model} status={model} />
      ))}
    </>
  );
}

function Model({ status }: { status: ModelStatus }) {
  const { model, deployment, replicas, activeRun, alarms, outboxAgeMs } = status;
  const current = deployment?.current ?? null;
  const serving = replicas.filter((it) => it.release !== null && it.outOfService === null);
  return (
    <Section id={`model-${model}`} title={model}>
      <Facts
        facts={[
          {
            name: 'In service',
            value: current === null ? 'nothing yet' : <>release {current.release}</>,
          },
          current && { name: 'Since', value: <When at={current.committedAt} /> },
          current && { name: 'Made by', value: <RunLink runId={current.origin?.runId ?? current.runId} /> },
          { name: 'Replicas', value: `${serving.length} of ${replicas.length} serve` },
          outboxAgeMs > 1_000 ? { name: 'Effects wait for', value: duration(outboxAgeMs) } : null,
        ]}
      />
      {alarms.map((alarm) => (
        <p class="failed" key={alarm}>
          {alarm}
        </p>
      ))}
      {activeRun === null ? (
        <LatestRun model={model} release={current?.release ?? null} />
      ) : (
        <ActiveRun runId={activeRun.runId} />
      )}
      {activeRun === null ? <Acts acts={[startAct(model)]} /> : null}
      <TrafficPlot status={status} />
    </Section>
  );
}

function startAct(model: string): Act {
  return {
    subject: CTL.pipelineStart,
    data: (reason) => ({ model, ...(reason === undefined ? {} : { reason }) }),
    ...{ label: 'Start a run', look: 'main', asksReason: true },
    title: `Start a run of ${model}`,
    body: <p>Collects, trains and verifies; the candidate goes into service if it passes.</p>,
  };
}

function ActiveRun({ runId }: { runId: string }) {
  const { data, error } = useResource<Answer<typeof API.run>>(`/runs/${encodeURIComponent(runId)}`);
  return (
    <div class="active-run">
      <h3>
        Run <RunLink runId={runId} />
      </h3>
      <Failed error={error} />
      {data === null ? null : (
        <>
          <p>
            <State path={data.state} /> began <When at={data.startedAt} />
          </p>
          <StageList runId={runId} timeline={data.timeline} />
          <Acts acts={runActs(data)} />
        </>
      )}
    </div>
  );
}

function LatestRun({ model, release }: { model: string; release: number | null }) {
  const { data } = useResource<{ runs: Answer<typeof API.runs>['runs'] }>(
    `/runs?model=${encodeURIComponent(model)}&limit=1`,
    // Shown while none is under way; a rollback is over before it is seen.
    { once: true, version: String(release) },
  );
  const latest = data?.runs[0];
  if (latest === undefined) return data === null ? null : <Note>There has been no run yet.</Note>;
  return (
    <p>
      No run is under way. The latest, <RunLink runId={latest.runId} />, <State path={latest.state} />{' '}
      <When at={latest.updatedAt} />
      {latest.failure === null ? '.' : <>: {latest.failure}</>}
    </p>
  );
}

/** By model; kept while the tab lives, whichever page is shown. */
const kept = new Map<string, readonly Sample[]>();

function TrafficPlot({ status }: { status: ModelStatus }) {
  const { model, replicas } = status;
  const [traffic, setTraffic] = useState<Traffic>(() => trafficOf(kept.get(model) ?? []));
  useEffect(() => {
    kept.set(model, withSample(kept.get(model) ?? [], replicas, Date.now()));
    setTraffic(trafficOf(kept.get(model)!));
  }, [replicas]);
  if (traffic.times.length < 2) return <Note>Figures of requests come with the next heartbeats.</Note>;
  if (traffic.isQuiet) return <Note>There were no requests in the last minutes.</Note>;
  const latest = traffic.perSecond.at(-1) ?? 0;
  const said = `${latest.toFixed(1)} requests/s now`;
  const latency = (values: readonly (number | null)[]) => (values.at(-1) == null ? '–' : milliseconds(values.at(-1)!));
  return (
    <>
      <h3>Requests</h3>
      <Facts
        facts={[
          { name: 'Requests/s', value: latest.toFixed(1) },
          { name: 'p50, p99', value: `${latency(traffic.p50)}, ${latency(traffic.p99)}` },
          { name: 'Failed', value: percentOrDash(traffic.failedShare) },
          { name: 'Nobody known', value: percentOrDash(traffic.unknownShare) },
        ]}
      />
      <Plot
        label={`Requests per second and latency: ${said}, ${count(traffic.swaps.length, 'swap')}.`}
        data={[traffic.times, traffic.perSecond, traffic.p99]}
        lines={[
          { label: 'requests/s', color: '--candidate' },
          { label: 'p99 in ms', color: '--newcomers', scale: 'right' },
        ]}
        axes={['requests/s', 'ms']}
        marks={traffic.swaps}
        isTime
      />
    </>
  );
}
