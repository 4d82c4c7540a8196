/**
 * A worker that connects to a server which is not its own takes no work before its configuration file fits to what was
 * applied there: until then it waits with a line, tells the orchestrator, and looks again. Called by main.ts for the workers.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { HeldBack } from '../contracts/configuration/record.ts';
import { PipelineError } from '../contracts/errors.ts';
import { heldBackSubject, type WorkStage } from '../contracts/subjects.ts';
import { misfits } from '../infra/config/fit.ts';
import type { LocalDefinitions } from '../infra/config/local-definitions.ts';
import type { Bus } from '../infra/messaging/bus.ts';
import type { ConfigLook } from '../infra/stores/config-store.ts';
import { FOREVER, retry, type RetryPolicy } from '../runtime/retry.ts';
import type { Logger } from '../runtime/logger.ts';

interface Stoppable {
  stop(): Promise<void>;
}

export interface Admission {
  readonly actor: string;
  readonly stage: WorkStage;
  readonly local: LocalDefinitions;
  /** For messages. */
  readonly file: string;
  readonly configs: ConfigLook;
  readonly bus: Bus;
  readonly log: Logger;
}

/** At first often, because somebody may just be applying. */
const LOOK_AGAIN: Omit<RetryPolicy, 'isWorthIt'> = {
  attemptsMax: FOREVER,
  pauseMs: 1_000,
  growth: { factor: 2, pauseMaxMs: 15_000 },
};

/** Resolves with the worker, or with one that waits to be let in; `start` is called once at most. */
export async function admitted(admission: Admission, start: () => Promise<Stoppable>): Promise<Stoppable> {
  const id = randomUUID().slice(0, 8);
  const problems = await problemsOf(admission);
  if (problems.length === 0) return start();
  await tell(admission, id, problems);
  const stopping = new AbortController();
  const waiting = waitAndStart(admission, id, problems, stopping.signal, start);
  return {
    stop: async () => {
      stopping.abort();
      await (await waiting)?.stop();
    },
  };
}

/** Null if it was stopped before. */
async function waitAndStart(
  admission: Admission,
  id: string,
  first: readonly string[],
  signal: AbortSignal,
  start: () => Promise<Stoppable>,
): Promise<Stoppable | null> {
  const { actor, log } = admission;
  let told = first.join();
  const onFailure = (err: unknown) =>
    log.warn({ err }, `${actor}: the configuration could not be looked at; trying again`);
  let started: Stoppable | null = null;
  const look = async () => {
    const problems = await problemsOf(admission);
    if (problems.length === 0) {
      log.info({}, `${actor}: the configuration file fits to what is applied now; it takes work`);
      started = await start();
      return;
    }
    if (problems.join() !== told) await tell(admission, id, problems);
    else log.warn({}, lineOf(admission, problems));
    told = problems.join();
    throw new PipelineError('CONFIG_INVALID', 'held back', { retryable: true });
  };
  const isHeldBack = (error: unknown) => error instanceof PipelineError && error.code === 'CONFIG_INVALID';
  const quietly = (error: unknown) => isHeldBack(error) || onFailure(error);
  await retry({ ...LOOK_AGAIN, signal, isWorthIt: () => true, onFailure: quietly }, look).catch((error) => {
    if (!signal.aborted) throw error;
  });
  return started;
}

async function problemsOf({ configs, stage, local, file }: Admission): Promise<readonly string[]> {
  const applied = (await configs.list()).map(({ value }) => value);
  if (applied.every(({ pipeline }) => pipeline === null)) {
    return [`no model is configured in the system; \`nightshift apply -f ${file}\` applies those of this file`];
  }
  return misfits(stage, local, applied);
}

async function tell(admission: Admission, id: string, problems: readonly string[]): Promise<void> {
  const { actor, stage, bus, log } = admission;
  log.warn({}, lineOf(admission, problems));
  const said: HeldBack = { actor, host: hostname(), problems: problems.slice(0, PROBLEMS_MAX) };
  await bus.publish(heldBackSubject(stage, id), said);
}

/** So that the message stays small. */
const PROBLEMS_MAX = 20;

const lineOf = ({ actor, file }: Admission, problems: readonly string[]) =>
  `${actor} waits and takes no work: ${problems.join('; ')}. \`nightshift apply --dry-run -f ${file}\` shows all differences`;
