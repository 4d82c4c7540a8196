/**
 * Many runs at once on several orchestrators, which meet at every one of them: each message goes to whoever is free. Says how
 * fast that is, how often one had to step again, and holds what is stored against what should have happened.
 */
import type { OrchestratorContext } from '../../actors/orchestrator/context.ts';
import { toFailure } from '../../contracts/errors.ts';
import { CTL, WORK_STAGES, pipelineEventSubject, STREAMS } from '../../contracts/subjects.ts';
import { quickPipeline, withSaga, type Saga } from './saga.ts';
import { configure } from './configured.ts';
import { withServer } from './server.ts';
import { worksAfter } from './steering.ts';
import { until } from './wait.ts';
import { managerOf } from '../../infra/messaging/jetstream.ts';

export interface CrowdOptions {
  readonly runs: number;
  readonly orchestrators: number;
  readonly onRun?: (done: number) => void;
}

export interface CrowdReport {
  readonly runs: number;
  readonly orchestrators: number;
  /** Runs that did not complete in time. */
  readonly stuck: number;
  /** Stages of runs that nobody was told to do, and runs that never said that they completed. */
  readonly lost: number;
  /** Stages done twice, events stored twice under one id, commands that nobody took. */
  readonly doubled: number;
  /** Steps that another orchestrator had taken first, and that were taken again. */
  readonly conflicts: number;
  readonly transitions: number;
  readonly seconds: number;
}

const ENDS_MS = 300_000;

export const soakCrowd = (options: CrowdOptions): Promise<CrowdReport> =>
  withServer((server) => {
    const taken: string[] = [];
    const works = worksAfter(async (stage, runId) => void taken.push(`${stage} ${runId}`));
    return withSaga(server, { orchestrators: options.orchestrators, works }, async (saga) => {
      const runs = Array.from({ length: options.runs }, (_, index) => `crowd-${index}`);
      await configure(saga.orchestrator.configs, Object.fromEntries(runs.map((model) => [model, quickPipeline()])));
      const conflicts = saga.orchestrators.map(prepare);
      const startedAt = performance.now();
      await Promise.all(
        runs.map((runId) => saga.bus.publish(CTL.pipelineStart, { model: runId, runId }, { id: `${runId}.start` })),
      );
      const stuck = await ended(saga, options);
      const seconds = (performance.now() - startedAt) / 1000;
      const expected = WORK_STAGES.flatMap((stage) => runs.map((runId) => `${stage} ${runId}`));
      const events = await saga.storedEvents();
      const told = new Set(events.map(({ subject }) => subject));
      const silent = runs.filter((runId) => !told.has(pipelineEventSubject('completed', runId)));
      const undone = expected.filter((work) => !taken.includes(work));
      return {
        runs: options.runs,
        orchestrators: options.orchestrators,
        stuck,
        lost: silent.length + undone.length,
        doubled: twice(taken) + twice(events.map(({ id }) => id)) + (await leftover(saga)),
        conflicts: conflicts.reduce((sum, count) => sum + count(), 0),
        transitions: await transitionsOf(saga, runs),
        seconds,
      };
    });
  });

/** A model for each run, because a model's runs take turns. Returns how many saves have met another's. */
function prepare(context: OrchestratorContext): () => number {
  const { runs } = context;
  let conflicts = 0;
  const save: typeof runs.save = async (...args) => {
    try {
      return await runs.save(...args);
    } catch (error) {
      if (toFailure(error).code === 'CHECKPOINT_CONFLICT') conflicts += 1;
      throw error;
    }
  };
  Object.assign(context, { runs: { ...runs, save } });
  return () => conflicts;
}

async function ended(saga: Saga, { runs, onRun }: CrowdOptions): Promise<number> {
  const isEnd = ({ subject }: { readonly subject: string }) => subject.includes('.pipeline.completed.');
  // An event that is heard hastens the look; the stored one decides.
  const count = () => new Set(saga.events.filter(isEnd).map(({ subject }) => subject)).size;
  const all = () => {
    onRun?.(count());
    return count() === runs;
  };
  await until(all, 'every run to complete', ENDS_MS).catch(() => {});
  return runs - (await saga.storedEvents()).filter(isEnd).length;
}

const twice = (items: readonly string[]) => items.length - new Set(items).size;

/** A command that is published twice stays in its queue, or is done twice. */
async function leftover({ nc }: Saga): Promise<number> {
  const manager = await managerOf(nc);
  const messages = async () => (await manager.streams.info(STREAMS.commands)).state.messages;
  await until(async () => (await messages()) === 0, 'every command to be acknowledged').catch(() => {});
  return messages();
}

async function transitionsOf({ orchestrator }: Saga, runs: readonly string[]): Promise<number> {
  const stored = await Promise.all(runs.map((runId) => orchestrator.runs.load(`run.${runId}`)));
  return stored.reduce((sum, run) => sum + (run?.value.transition ?? 0), 0);
}
