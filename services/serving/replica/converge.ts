/**
 * Brings a replica to the desired state in DEPLOYMENTS, whatever it missed in between: level-triggered, one load at a
 * time, and always towards the newest record. Switching to a model that is resident waits for nothing, not even for a
 * load under way, so that a roll-back is immediate.
 */
import { toFailure, type Failure } from '../../../contracts/errors.ts';
import type { Announced, Deployment, Release, ModelPair } from '../../../contracts/release.ts';
import { faultPoint } from '../../../runtime/fault-points.ts';
import type { Logger } from '../../../runtime/logger.ts';
import { pauseOf, type Pauses } from '../../../runtime/retry.ts';
import { isChosen } from '../../deployment/canary.ts';
import { createFigures } from './figures.ts';
import type { Replica, SwapMoment, CanaryServed } from './replica.ts';
import { isAnswered, isRefused, wantedPairs, type Wanted } from './wanted.ts';

export interface ConvergenceOptions {
  readonly replica: Replica;
  readonly report: ReplicaReports;
  /** Called when the release in service could not be loaded, and nothing but time or another record will mend it. */
  readonly onLost: () => void;
  readonly log: Logger;
}

/** Tells the world; must not throw and not wait. Called after the replica's status says the same. */
export interface ReplicaReports {
  changed(): void;
  prepared(pair: ModelPair, prepareMs: number): void;
  refused(pair: ModelPair, failure: Failure): void;
  /**
   * No request works with an earlier release any more. `runId` is the run that caused the switch: the one that deployed,
   * or the one that rolled back.
   */
  switched(runId: string, release: Release, swap: SwapMoment): void;
  /** The release in service cannot be loaded, and no reply will come from here until that changes. */
  outOfService(runId: string, release: Release, failure: Failure): void;
}

/** A server that restarts or a store that hiccups is back within seconds; then the candidate is refused. */
const PREPARE_ATTEMPTS_MAX = 4;
/** What must serve is loaded again for ever, every ten seconds at last. */
const LOAD_AGAIN: Pauses = { pauseMs: 250, growth: { factor: 2, pauseMaxMs: 10_000 } };

export class Convergence {
  readonly #options: ConvergenceOptions;
  #desired: Deployment | null = null;
  #loop: Promise<void> | null = null;
  #again = false;
  #stopped = false;
  /** Model digest -> how often loading failed, and when it may be loaded again (performance.now()). */
  readonly #failures = new Map<string, { readonly attempts: number; readonly retryAtMs: number }>();
  /** For the report on a candidate, which follows its load at once. */
  #lastLoad: { readonly digest: string; readonly durationMs: number } | null = null;
  #retryTimer: NodeJS.Timeout | undefined;
  /** The release in service that could not be loaded, and why. */
  #lost: { readonly release: number; readonly failure: Failure } | null = null;

  constructor(options: ConvergenceOptions) {
    this.#options = options;
    options.replica.onResidentFailed = () => this.#wake();
  }

  /** The newest record replaces any before it. */
  desire(deployment: Deployment): void {
    this.#desired = deployment;
    this.#switchIfResident();
    this.#alignCanary();
    this.#wake();
  }

  get desired(): Deployment | null {
    return this.#desired;
  }

  /** Why the release in service cannot be loaded here; null where it can, or was not loaded yet. */
  get failure(): Failure | null {
    return this.#lost && this.#lost.release === this.#desired?.current?.release ? this.#lost.failure : null;
  }

  /** Resolves when no load is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
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
    const desired = this.#desired;
    if (!desired) return false;
    this.#switchIfResident();
    this.#alignCanary();
    this.#retireUnwanted(desired);
    this.#answerCandidate(desired.announced);
    const next = this.#nextLoad(desired);
    if (next) await this.#load(next);
    return next !== undefined;
  }

  #switchIfResident(): void {
    const { replica, report, log } = this.#options;
    const { current, ledger = [] } = this.#desired ?? {};
    const resident = current && replica.residents.get(current);
    if (!current || !resident) return;
    const { release: formerRelease, resident: formerResident } = replica.served ?? {};
    if (formerRelease === current.release && formerResident === resident) return;
    this.#lost = null;
    const swap = replica.switchTo(current, resident);
    // The record's own run may be one that has announced a candidate since.
    const { runId } = ledger.find(({ release }) => release === current.release) ?? current;
    faultPoint('replica.switched', `${runId} ${current.release}`);
    this.#alignCanary();
    const fields = { release: current.release, formerRelease, modelDigest: resident.modelDigest, ...swap };
    log.info(fields, 'replica: switched');
    report.changed();
    // Leases are given back, never refused: nothing rejects.
    if (formerRelease !== current.release) void replica.drained().then(() => report.switched(runId, current, swap));
  }

  /** A candidate answers its share while the record says so and it is loaded; beside another release it goes on counting. */
  #alignCanary(): void {
    const { replica, report } = this.#options;
    const { announced } = this.#desired ?? {};
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
    if (canary !== replica.canary) report.changed();
  }

  #retireUnwanted(desired: Deployment): void {
    const { replica, report, log } = this.#options;
    const { served, residents } = replica;
    const pairs = wantedPairs(desired).map(({ pair }) => pair);
    // What serves stays until its successor is loaded.
    const retired = residents.retain(served ? [...pairs, served.resident.pair] : pairs);
    if (retired.length === 0) return;
    log.info({ retired }, 'replica: models that are no longer wanted leave memory');
    report.changed();
  }

  /** Says `prepared` of a candidate that is in memory; takes back an answer that no longer holds or is not asked for. */
  #answerCandidate(announced: ModelPair | null): void {
    const { replica, report } = this.#options;
    const isResident = announced !== null && replica.residents.get(announced) !== undefined;
    const holds = announced !== null && isAnswered(replica.prepared, announced);
    if (isResident && !holds) {
      faultPoint('replica.prepared', announced.runId);
      replica.prepared = { runId: announced.runId, modelDigest: announced.model.digest, refused: null };
      report.changed();
      // A pair that was in memory before took no time.
      const { digest, durationMs = 0 } = this.#lastLoad ?? {};
      report.prepared(announced, digest === announced.model.digest ? durationMs : 0);
    } else if (replica.prepared && !isResident && !(announced && isRefused(replica.prepared, announced))) {
      replica.prepared = null;
      report.changed();
    }
  }

  #nextLoad(desired: Deployment): Wanted | undefined {
    const { residents, prepared } = this.#options.replica;
    const missing = wantedPairs(desired).filter(
      ({ role, pair }) => !residents.get(pair) && !(role === 'announced' && isRefused(prepared, pair)),
    );
    const next = missing.find(({ pair }) => this.#waitMs(pair) <= 0);
    if (!next) this.#wakeIn(Math.min(...missing.map(({ pair }) => this.#waitMs(pair))));
    return next;
  }

  async #load({ role, pair }: Wanted): Promise<void> {
    const { replica, report, log } = this.#options;
    const startedAt = performance.now();
    const fields = { role, runId: pair.runId, modelDigest: pair.model.digest };
    log.info(fields, `replica: loading the ${role} model`);
    try {
      await replica.residents.load(pair, role === 'current');
      this.#failures.delete(pair.model.digest);
      this.#lastLoad = { digest: pair.model.digest, durationMs: performance.now() - startedAt };
      report.changed();
    } catch (error) {
      const failure = toFailure(error);
      const attempts = this.#noteFailure(pair);
      log.warn({ ...fields, attempts, err: error }, `replica: the ${role} model could not be loaded`);
      const isFinal = !failure.retryable || attempts >= PREPARE_ATTEMPTS_MAX;
      if (isFinal && role === 'current') this.#lose(pair, failure);
      // The candidate may have been withdrawn or exchanged while it was loading.
      if (isFinal && this.#desired?.announced?.runId === pair.runId) this.#refused(pair, failure);
    }
  }

  /** It is loaded again and again, but nobody should wait for it. */
  #lose(pair: ModelPair, failure: Failure): void {
    const current = this.#desired?.current;
    // The record may have changed while it was loading.
    if (!current || current.model.digest !== pair.model.digest) return;
    this.#lost = { release: current.release, failure };
    this.#options.onLost();
  }

  #refused(pair: ModelPair, failure: Failure): void {
    const { replica, report } = this.#options;
    this.#failures.delete(pair.model.digest);
    faultPoint('replica.refused', pair.runId);
    const refused = `${failure.code}: ${failure.message}`;
    replica.prepared = { runId: pair.runId, modelDigest: pair.model.digest, refused };
    report.changed();
    report.refused(pair, failure);
  }

  #noteFailure({ model }: ModelPair): number {
    const attempts = (this.#failures.get(model.digest)?.attempts ?? 0) + 1;
    const retryAtMs = performance.now() + pauseOf(LOAD_AGAIN, attempts);
    this.#failures.set(model.digest, { attempts, retryAtMs });
    return attempts;
  }

  #waitMs({ model }: ModelPair): number {
    return (this.#failures.get(model.digest)?.retryAtMs ?? 0) - performance.now();
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
