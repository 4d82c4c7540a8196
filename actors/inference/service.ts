/**
 * Puts a replica into service and takes it out: whether it has subscriptions on the data plane. A replica that is
 * starting, has been away, or cannot load the committed release leaves the requests to the others. Called whenever
 * something changed that may bear on that.
 */
import type { Failure } from '../../contracts/errors.ts';
import type { Deployment, Release } from '../../contracts/release.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { ReplicaReports } from '../../services/serving/replica/converge.ts';
import type { Replica } from '../../services/serving/replica/replica.ts';
import type { Serving } from './serve.ts';

export interface ServiceOptions {
  readonly replica: Replica;
  readonly desired: () => Deployment | null;
  /** Why the release in service cannot be loaded here; null where it can, or nobody knows yet. */
  readonly failure: () => Failure | null;
  /** Subscribes. */
  readonly start: () => Serving;
  readonly report: Pick<ReplicaReports, 'changed' | 'outOfService'>;
  readonly log: Logger;
}

export interface Service {
  consider(): void;
  /** Answers what was taken and takes no more. */
  stop(): Promise<void>;
}

export interface Situation {
  /** Release in the record; null before the first. */
  readonly wanted: number | null;
  readonly served: number | null;
  readonly isFailed: boolean;
  /** It takes requests now, and has never been out of touch since it began to. */
  readonly isInService: boolean;
}

/** One that was here all along goes on with the former release while it loads: the deployment waits for it. */
export function shouldServe({ wanted, served, isFailed, isInService }: Situation): boolean {
  if (wanted === null) return true;
  if (isFailed) return false;
  return served === wanted || isInService;
}

export function createService(options: ServiceOptions): Service {
  const { replica, desired, failure, report, log } = options;
  let serving: Serving | null = null;
  let stopped = false;
  let turn: Promise<void> = Promise.resolve();

  const step = async () => {
    const current = desired()?.current ?? null;
    // One that has only lost touch holds its requests, and most often it has missed nothing.
    const isInService = serving !== null && !replica.standing.isBehind;
    const situation = { wanted: current?.release ?? null, served: replica.served?.release ?? null, isInService };
    const why = failure();
    const wanted = !stopped && shouldServe({ ...situation, isFailed: why !== null });
    if (wanted && !serving) enter();
    if (!wanted && serving) await leave(serving);
    if (!stopped && why && current && replica.outOfService !== textOf(why)) sayOut(current, why);
  };
  const enter = () => {
    serving = options.start();
    if (replica.outOfService !== null) log.info({ release: replica.served?.release }, 'replica: in service again');
    replica.outOfService = null;
    report.changed();
  };
  const leave = async (running: Serving) => {
    serving = null;
    await running.stop();
  };
  /** Only after the last reply: whoever reads this counts on it that none follows. */
  const sayOut = (release: Release, why: Failure) => {
    replica.outOfService = textOf(why);
    log.error(
      { release: release.release, failure: why },
      'replica: out of service: the release in service cannot be loaded',
    );
    report.outOfService(desired()?.runId ?? release.runId, release, why);
  };
  const consider = () => {
    turn = turn.then(step).catch((err) => log.error({ err }, 'replica: service could not be changed'));
  };
  return {
    consider,
    stop: async () => {
      stopped = true;
      consider();
      await turn;
    },
  };
}

const textOf = ({ code, message }: Failure) => `${code}: ${message}`;
