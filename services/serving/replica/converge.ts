/**
 * Brings a replica to the desired state in DEPLOYMENTS, also after changes that it missed: level-triggered, one load at
 * a time, and always towards the newest record. Switching to a model that is resident waits for nothing, not even for a
 * load under way, so that a rollback is immediate.
 */
import { toFailure, type Failure } from '../../../contracts/errors.ts';
import type { Announced, Deployment, ModelPair, Release } from '../../../contracts/release.ts';
import { faultPoint } from '../../../runtime/fault-points.ts';
import type { Logger } from '../../../runtime/logger.ts';
import { isChosen } from '../../deployment/canary.ts';
import { createFigures } from './figures.ts';
import { LoadFailures } from './load-failures.ts';
import type { CanaryServed, Replica } from './replica.ts';
import type { SwapMoment } from './timed-swap.ts';
import { isAnswered, isRefused, wantedPairs, type Wanted } from './wanted.ts';

export interface ConvergenceOptions {
  readonly replica: Replica;
  readonly report: ReplicaReports;
  readonly log: Logger;
}

/** Tells the world; must not throw and not wait. Called after the replica's status says the same. */
export interface ReplicaReports {
  prepared(pair: ModelPair, prepareMs: number): void;
  refused(pair: ModelPair, failure: Failure): void;
  /**
   * No request works with an earlier release any more. `runId` is the run that caused the switch, by a deployment or by
   * a rollback.
   */
  switched(runId: string, release: Release, swap: SwapMoment): void;
  /** The release in service cannot be loaded, and no reply will come from here until that changes. */
  outOfService(runId: string, release: Release, failure: Failure): void;
}

/** A server that restarts or a store that hiccups is back within seconds; then the candidate is refused. */
const PREPARE_ATTEMPTS_MAX = 4;

export class Convergence {
  readonly #options: ConvergenceOptions;
  readonly #failures = new LoadFailures();
  readonly #unsubscribe: () => void;
  #loop: Promise<void> | null = null;
  #again = false;
  #stopped = false;
  /** For the report on a candidate, which follows its load at once. */
  #lastLoad: { readonly digest: string; readonly durationMs: number } | null = null;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(options: ConvergenceOptions) {
    this.#options = options;
    this.#unsubscribe = options.replica.changes.subscribe(['desired', 'lost'], (change) => {
      if (change === 'desired') this.#align();
      this.#wake();
    });
  }

  /** Resolves when no load is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe();
    clearTimeout(this.#retryTimer);
    await this.#loop;
  }

  #wake(): void {
    this.#again = true;
    if (this.#stopped || this.#loop) return;
    this.#loop = this.#run().finally(() => {
      this.#loop = null;
      // A wish that came after the last look and before this line.
      if (this.#again) this.#wake();
    });
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      while (!this.#stopped && (await this.#step()));
    }
  }

  /** Takes one step towards the desired state; false when there is none to take now. */
  async #step(): Promise<boolean> {
    const { desired } = this.#options.replica;
    if (!desired) return false;
    this.#align();
    this.#retireUnwanted(desired);
    this.#answerCandidate(desired.announced);
    const next = this.#nextLoad(desired);
    if (next) await this.#load(next);
    return next !== undefined;
  }

  /** All that takes no load: the switch and the canary. */
  #align(): void {
    this.#switchIfResident();
    this.#alignCanary();
  }

  #switchIfResident(): void {
    const { replica, report, log } = this.#options;
    const { current, ledger = [] } = replica.desired ?? {};
    const resident = current && replica.residents.get(current);
    if (!current || !resident) return;
    const { release: formerRelease, resident: formerResident } = replica.served ?? {};
    if (formerRelease === current.release && formerResident === resident) return;
    const swap = replica.switchTo(current, resident);
    // The record's own run may be one that has announced a candidate since.
    const { runId } = ledger.find(({ release }) => release === current.release) ?? current;
    faultPoint('replica.switched', `${runId} ${current.release}`);
    this.#alignCanary();
    const fields = { release: current.release, formerRelease, modelDigest: resident.modelDigest, ...swap };
    log.info(fields, 'replica: switched');
    // Leases are given back, never refused: nothing rejects.
    if (formerRelease !== current.release) void replica.drained().then(() => report.switched(runId, current, swap));
  }

  /**
   * A candidate answers its share while the record says so and it is loaded; beside another release it goes on
   * counting.
   */
  #alignCanary(): void {
    const { replica } = this.#options;
    const { announced } = replica.desired ?? {};
    const resident = announced?.canary && replica.residents.get(announced);
    const { canary, served } = replica;
    if (!resident || !served) {
      replica.setCanary(null);
    } else if (
      canary?.canary !== announced.runId ||
      canary.release !== served.release ||
      canary.resident !== resident
    ) {
      const figures = canary?.canary === announced.runId ? canary.figures : createFigures();
      replica.setCanary({ ...canaryOf(announced), release: served.release, resident, figures });
    }
  }

  #retireUnwanted(desired: Deployment): void {
    const { replica, log } = this.#options;
    const { served, residents } = replica;
    const pairs = wantedPairs(desired).map(({ pair }) => pair);
    // The pair that serves stays until its successor is loaded.
    const retired = residents.retain(served ? [...pairs, served.resident.pair] : pairs);
    if (retired.length > 0) log.info({ retired }, 'replica: models that are no longer wanted leave memory');
  }

  /**
   * Says `prepared` of a candidate that is in memory; takes back an answer that no longer holds or is not asked for.
   */
  #answerCandidate(announced: ModelPair | null): void {
    const { replica, report } = this.#options;
    const isResident = announced !== null && replica.residents.get(announced) !== undefined;
    const holds = announced !== null && isAnswered(replica.prepared, announced);
    if (isResident && !holds) {
      faultPoint('replica.prepared', announced.runId);
      replica.setPrepared({ runId: announced.runId, modelDigest: announced.model.digest, refused: null });
      // A pair that was in memory before took no time.
      const { digest, durationMs = 0 } = this.#lastLoad ?? {};
      report.prepared(announced, digest === announced.model.digest ? durationMs : 0);
    } else if (replica.prepared && !isResident && !(announced && isRefused(replica.prepared, announced))) {
      replica.setPrepared(null);
    }
  }

  #nextLoad(desired: Deployment): Wanted | undefined {
    const { residents, prepared } = this.#options.replica;
    const missing = wantedPairs(desired).filter(
      ({ role, pair }) => !residents.get(pair) && !(role === 'announced' && isRefused(prepared, pair)),
    );
    const waitMs = ({ pair }: Wanted) => this.#failures.waitMs(pair.model.digest);
    const next = missing.find((wanted) => waitMs(wanted) <= 0);
    if (!next) this.#wakeIn(Math.min(...missing.map(waitMs)));
    return next;
  }

  async #load({ role, pair }: Wanted): Promise<void> {
    const { replica, log } = this.#options;
    const startedAt = performance.now();
    const fields = { role, runId: pair.runId, modelDigest: pair.model.digest };
    log.info(fields, `replica: loading the ${role} model`);
    try {
      await replica.residents.load(pair, role === 'current');
      this.#failures.forget(pair.model.digest);
      replica.setAlarm('pair', null);
      this.#lastLoad = { digest: pair.model.digest, durationMs: performance.now() - startedAt };
    } catch (error) {
      const failure = toFailure(error);
      const attempts = this.#failures.note(pair.model.digest);
      log.warn({ ...fields, attempts, err: error }, `replica: the ${role} model could not be loaded`);
      if (failure.code === 'RELEASE_UNTRUSTED') this.#raiseAlarm(fields, failure);
      const isFinal = !failure.retryable || attempts >= PREPARE_ATTEMPTS_MAX;
      if (isFinal && role === 'current') this.#lose(pair, failure);
      // The candidate may have been withdrawn or exchanged while it was loading.
      if (isFinal && replica.desired?.announced?.runId === pair.runId) this.#refused(pair, failure);
    }
  }

  /** It is loaded again and again, but nobody should wait for it. */
  #lose(pair: ModelPair, failure: Failure): void {
    const { replica } = this.#options;
    const current = replica.desired?.current;
    // The record may have changed while it was loading.
    if (current?.model.digest === pair.model.digest) replica.fail(current, failure);
  }

  #refused(pair: ModelPair, failure: Failure): void {
    const { replica, report } = this.#options;
    this.#failures.forget(pair.model.digest);
    faultPoint('replica.refused', pair.runId);
    const refused = `${failure.code}: ${failure.message}`;
    replica.setPrepared({ runId: pair.runId, modelDigest: pair.model.digest, refused });
    report.refused(pair, failure);
  }

  #raiseAlarm(fields: object, { code, message }: Failure): void {
    const { replica, log } = this.#options;
    log.error({ ...fields, alarm: message }, 'replica: ALARM: a pair is refused');
    replica.setAlarm('pair', `${code}: ${message}`);
  }

  #wakeIn(waitMs: number): void {
    clearTimeout(this.#retryTimer);
    if (Number.isFinite(waitMs)) this.#retryTimer = setTimeout(() => this.#wake(), Math.max(1, waitMs));
  }
}

/** By the header that the configuration names, else by the image itself: the same request goes the same way. */
function canaryOf({ runId, canary }: Announced): Pick<CanaryServed, 'canary' | 'isChosen'> {
  const { share, keyHeader } = canary ?? { share: 0, keyHeader: '' };
  return { canary: runId, isChosen: ({ header, image }) => isChosen(runId, share, header(keyHeader) ?? image) };
}
