/**
 * The deployments of an orchestrator without its saga: the transitions of services/deployment/records.ts,
 * stored by compare-and-put, and the verdicts of the shipped strategy on what the replicas report. Notes when each
 * step began, was prepared, and was complete on every replica.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { DeploymentConfigSchema } from '../../contracts/configuration/deployment.ts';
import { ReplicaSwitchedSchema, type ReplicaSwitched } from '../../contracts/messages.ts';
import { replicaEventSubject } from '../../contracts/subjects.ts';
import type { Deployment, ModelPair } from '../../contracts/release.ts';
import type { ReplicaStatus } from '../../contracts/replica.ts';
import type { Bus } from '../../infra/messaging/bus.ts';
import type { RecordStore } from '../../infra/stores/record-store.ts';
import type { HeartbeatStore } from '../../infra/stores/replica-store.ts';
import { createHotSwap } from '../../services/deployment/hot-swap.ts';
import { announce, commit, rollBack, withdraw } from '../../services/deployment/records.ts';
import type { DeploymentObservation, DeploymentVerdict } from '../../services/deployment/strategy.ts';
import { clockMs } from '../support/clock.ts';

export interface OperatorOptions {
  readonly bus: Bus;
  readonly deployments: RecordStore<Deployment>;
  readonly statuses: HeartbeatStore<ReplicaStatus>;
  readonly model: string;
  readonly replicas: number;
}

/** Moments are those of bench/support/clock.ts. */
export interface Step {
  readonly kind: 'deploy' | 'roll-back' | 'refuse';
  readonly startedMs: number;
  /** When every replica had loaded the candidate, or had dropped the one that was refused. Null: nothing was loaded. */
  readonly loadedMs: number | null;
  /** When the record of the new release was sent to be stored. Null where there is none. */
  readonly committedMs: number | null;
  /** From then on no reply carries an earlier release. */
  readonly completedMs: number;
  /** In service at the end. */
  readonly release: number;
  readonly modelDigest: string;
}

export interface Operator {
  deploy(pair: ModelPair): Promise<Step>;
  /** Announces a pair that must be refused; throws where it was not. */
  refuse(pair: ModelPair): Promise<Step>;
  rollBack(runId: string): Promise<Step>;
  /** The reports of the replicas on their switches. */
  readonly switches: readonly ReplicaSwitched[];
}

/** Events hasten what the heartbeats say; one that is lost costs this much. */
const RECHECK_MS = 200;
/** Any step of a machine that is busy with other things. */
const STEP_MS_MAX = 120_000;

export function createOperator({ bus, deployments, statuses, model, replicas }: OperatorOptions): Operator {
  const config = DeploymentConfigSchema.parse({ replicasMin: replicas });
  const strategy = createHotSwap();
  const switches: ReplicaSwitched[] = [];
  const hear = signalOf(bus, (switched) => switches.push(switched));

  const change = async (transition: (record: Deployment | null) => Deployment) => {
    const stored = await deployments.load(model);
    const next = transition(stored?.value ?? null);
    await deployments.save(model, next, stored?.revision ?? 0);
    return next;
  };
  const until = async (what: string, holds: () => Promise<boolean>) => {
    const deadline = clockMs() + STEP_MS_MAX;
    for (;;) {
      const heard = hear();
      if (await holds()) return;
      if (clockMs() > deadline) throw new Error(`bench: waited ${STEP_MS_MAX} ms in vain: ${what}`);
      await heard;
    }
  };
  const verdictOn = async (runId: string, phase: DeploymentObservation['phase']): Promise<DeploymentVerdict> => {
    let verdict: DeploymentVerdict | undefined;
    await until(`${phase} of ${runId}`, async () => {
      const [stored, live] = await Promise.all([deployments.load(model), statuses.list(model)]);
      const deployment = stored?.value ?? null;
      verdict = strategy.decide({ runId, phase, deployment, replicas: live, windowOver: false }, config);
      return verdict.action !== 'wait';
    });
    return verdict!; // Set by the check that held.
  };
  const switchTo = async (
    kind: Step['kind'],
    times: Pick<Step, 'startedMs' | 'loadedMs'>,
    transition: (record: Deployment) => Deployment,
  ): Promise<Step> => {
    const committedMs = clockMs();
    const { runId, current } = await change((record) => transition(record!));
    if (!current) throw new Error(`bench: ${kind} of ${runId} left no release in service`);
    const { action } = await verdictOn(runId, kind === 'deploy' ? 'committing' : 'rollingBack');
    if (action !== 'switched') throw new Error(`bench: ${kind} of ${runId} ended in "${action}"`);
    const completedMs = clockMs();
    const { release } = current;
    await until(`reports of release ${release}`, async () => reportsOf(switches, release).length === replicas);
    return { kind, ...times, committedMs, completedMs, release, modelDigest: current.model.digest };
  };
  return {
    switches,
    deploy: async (pair) => {
      const startedMs = clockMs();
      await change((record) => announce(record, pair, pair.runId, model));
      const verdict = await verdictOn(pair.runId, 'preparing');
      if (verdict.action !== 'commit') throw new Error(`bench: ${pair.runId} was refused: ${JSON.stringify(verdict)}`);
      const times = { startedMs, loadedMs: clockMs() };
      return switchTo('deploy', times, (record) => commit(record, pair.runId, new Date()));
    },
    rollBack: (runId) =>
      switchTo('roll-back', { startedMs: clockMs(), loadedMs: null }, (record) => rollBack(record, runId, new Date())),
    refuse: async (pair) => {
      const startedMs = clockMs();
      await change((record) => announce(record, pair, pair.runId, model));
      const verdict = await verdictOn(pair.runId, 'preparing');
      if (verdict.action !== 'abort')
        throw new Error(`bench: ${pair.runId} was to be refused, but "${verdict.action}"`);
      const { current } = await change((record) => withdraw(record!, pair.runId));
      const isForgotten = async () => (await statuses.list(model)).every(({ prepared }) => prepared === null);
      await until(`replicas to forget ${pair.runId}`, isForgotten);
      const completedMs = clockMs();
      const {
        release,
        model: { digest: modelDigest },
      } = current!; // There is one before anything is refused.
      return { kind: 'refuse', startedMs, loadedMs: completedMs, committedMs: null, completedMs, release, modelDigest };
    },
  };
}

/** Each replica once, whatever it said twice. */
export function reportsOf(switches: readonly ReplicaSwitched[], release: number): readonly ReplicaSwitched[] {
  const reports = switches.filter((report) => report.release === release);
  return [...new Map(reports.map((report) => [report.replicaId, report])).values()];
}

/** Calls back with each switch; the answer makes a promise of the next fact that any replica says. */
function signalOf(bus: Bus, onSwitched: (report: ReplicaSwitched) => void): () => Promise<void> {
  let wake = () => {};
  for (const fact of ['prepared', 'refused', 'switched'] as const) {
    bus.listen(replicaEventSubject(fact, '*'), ({ envelope }) => {
      if (fact === 'switched') onSwitched(ReplicaSwitchedSchema.parse(envelope.data));
      wake();
    });
  }
  return () => {
    const heard = new Promise<void>((resolve) => (wake = resolve));
    return Promise.race([heard, delay(RECHECK_MS)]);
  };
}
