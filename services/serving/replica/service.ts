/**
 * Puts a replica into service and takes it out: opens and closes its data plane. A replica that is starting, has been
 * away, or cannot load the committed release leaves the requests to the others. Looks again after every change that may
 * bear on that. Knows no NATS.
 */
import type { Failure } from '../../../contracts/errors.ts';
import type { Release } from '../../../contracts/release.ts';
import type { Logger } from '../../../runtime/logger.ts';
import type { ReplicaReports } from './converge.ts';
import type { Replica } from './replica.ts';

export interface ServiceOptions {
  readonly replica: Replica;
  readonly dataPlane: DataPlane;
  readonly report: Pick<ReplicaReports, 'outOfService'>;
  readonly log: Logger;
}

/** The requests of clients. Closed at first. */
export interface DataPlane {
  readonly isOpen: boolean;
  /** Takes requests from now on. */
  open(): void;
  /** Takes no more requests and resolves when all that were taken are answered. */
  close(): Promise<void>;
}

export interface Service {
  /** Answers what was taken and takes no more. */
  stop(): Promise<void>;
}

export interface Situation {
  /** Release in the record; null before the first. */
  readonly wanted: number | null;
  readonly served: number | null;
  readonly isFailed: boolean;
  /** It fails because it is not signed as it must be: what serves here goes on. */
  readonly isRefused: boolean;
  /** It takes requests now, and has never been out of touch since it began to. */
  readonly isInService: boolean;
}

/** A replica that was here all along goes on with the former release while it loads: the deployment waits for it. */
export function shouldServe({ wanted, served, isFailed, isRefused, isInService }: Situation): boolean {
  if (wanted === null) return true;
  if (isFailed) return isRefused && served !== null && served !== wanted && isInService;
  return served === wanted || isInService;
}

export function startService({ replica, dataPlane, report, log }: ServiceOptions): Service {
  let stopped = false;
  let turn: Promise<void> = Promise.resolve();

  const step = async () => {
    const why = replica.failure;
    const wanted = !stopped && shouldServe(situationOf(replica, dataPlane));
    if (wanted && !dataPlane.isOpen) enter();
    if (!wanted && dataPlane.isOpen) await dataPlane.close();
    const current = replica.desired?.current;
    if (!stopped && !wanted && why && current && replica.outOfService !== textOf(why)) sayOut(current, why);
  };
  const enter = () => {
    dataPlane.open();
    if (replica.outOfService !== null) log.info({ release: replica.served?.release }, 'replica: in service again');
    replica.setOutOfService(null);
  };
  /** Only after the last reply: a reader of this counts on it that none follows. */
  const sayOut = (release: Release, why: Failure) => {
    replica.setOutOfService(textOf(why));
    log.error(
      { release: release.release, failure: why },
      'replica: out of service: the release in service cannot be loaded',
    );
    report.outOfService(replica.desired?.runId ?? release.runId, release, why);
  };
  const consider = () => {
    turn = turn.then(step).catch((err) => log.error({ err }, 'replica: service could not be changed'));
  };
  const unsubscribe = replica.changes.subscribe(['desired', 'served', 'failed', 'informed'], consider);
  return {
    stop: async () => {
      stopped = true;
      unsubscribe();
      consider();
      await turn;
    },
  };
}

/** A replica that has only lost touch stays; most often it has missed nothing. One that knows it is behind leaves. */
const situationOf = (
  { desired, served, failure, standing, isUpToDate }: Replica,
  { isOpen }: DataPlane,
): Situation => ({
  wanted: desired?.current?.release ?? null,
  served: served?.release ?? null,
  isFailed: failure !== null,
  isRefused: failure?.code === 'RELEASE_UNTRUSTED',
  isInService: isOpen && !standing.isBehind && (standing.isAlive || isUpToDate),
});

const textOf = ({ code, message }: Failure) => `${code}: ${message}`;
