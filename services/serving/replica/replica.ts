/**
 * The state of one replica: the release in service behind an atomic reference, the residents, and what it says of itself.
 * It decides nothing: converge.ts moves it, serve.ts reads it.
 */
import type { PipelineError } from '../../../contracts/errors.ts';
import type { ReplicaSwitched } from '../../../contracts/messages.ts';
import type { Release } from '../../../contracts/release.ts';
import type { ReplicaStatus } from '../../../contracts/replica.ts';
import type { Logger } from '../../../runtime/logger.ts';
import { AtomicReference, type Lease, type Swapped } from './atomic-reference.ts';
import type { ResidentModel } from './resident-model.ts';
import type { RecogniseRequest } from './request.ts';
import { createFigures, type Figures } from './figures.ts';
import { Residents, type ResidentsOptions } from './residents.ts';
import { Standing } from './standing.ts';

/** A release in service. All that a request needs is in here, so that one lease covers model, gallery and figures. */
export interface Served {
  readonly release: number;
  readonly resident: ResidentModel;
  readonly figures: Figures;
  /** Of a canary: the run that announced it. `release` is the one in service beside it then. */
  readonly canary?: string;
}

/** A canary: it answers the requests of which `isChosen` says so. */
export interface CanaryServed extends Served {
  readonly canary: string;
  readonly isChosen: (request: RecogniseRequest) => boolean;
}

export interface ReplicaOptions {
  readonly model: string;
  readonly replicaId: string;
  readonly startedAt: Date;
  readonly load: ResidentsOptions['load'];
  readonly log: Logger;
}

/** When a swap was made, and how long it took. */
export type SwapMoment = Pick<ReplicaSwitched, 'swapUs' | 'switchedAtMs' | 'monotonicUs'>;
type TimedSwap<T> = Swapped<T> & SwapMoment;

/** How long no request could have got either value: microseconds of the swap alone. */
function timedSwap<T>(reference: AtomicReference<T>, next: T): TimedSwap<T> {
  const swap = reference.stage(next);
  const startedAt = process.hrtime.bigint();
  const swapped = swap();
  const endedAt = process.hrtime.bigint();
  const switchedAtMs = performance.timeOrigin + performance.now();
  return { ...swapped, swapUs: Number(endedAt - startedAt) / 1000, switchedAtMs, monotonicUs: Number(endedAt) / 1000 };
}

/** A lease is given back some promises before its reply is handed to the connection, and never longer than this. */
const repliesSent = () => new Promise<void>((resolve) => setImmediate(resolve));

const NOTHING_SERVED = { requests: 0, failed: 0, latencyMs: null, scores: null };

/**
 * Swaps that concern nobody, so that no real one is the one at which V8 compiles: with leases and drains as in service,
 * because code that was compiled without is thrown away at the first of them and compiled again later.
 */
const REHEARSALS = 5000;
function rehearseSwap(): void {
  const reference = new AtomicReference<object>({});
  for (let i = 0; i < REHEARSALS; i++) {
    const lease = reference.acquire();
    if (i % 2 === 0) lease.release();
    timedSwap(reference, {});
    lease.release();
  }
}

export class Replica {
  readonly residents: Residents;
  /** Called when a resident's process is gone and could not be replaced. */
  onResidentFailed: () => void = () => {};
  /** Called after each switch. */
  onSwitched: () => void = () => {};
  prepared: ReplicaStatus['prepared'] = null;
  outOfService: string | null = null;
  readonly standing = new Standing();

  readonly #options: ReplicaOptions;
  readonly #served = new AtomicReference<Served | null>(null);
  readonly #hosts = { replaced: 0, imagesRetried: 0 };
  #swapUs: number | null = null;
  #former: ReplicaStatus['former'] = null;
  /** Of former values that requests still work with. */
  readonly #drains = new Set<Promise<void>>();
  readonly #canary = new AtomicReference<CanaryServed | null>(null);
  readonly #waiters = new Set<() => void>();

  constructor(options: ReplicaOptions) {
    this.#options = options;
    rehearseSwap();
    this.residents = new Residents({ load: options.load, onFailed: (...failed) => this.#residentFailed(...failed) });
  }

  get served(): Served | null {
    return this.#served.current;
  }

  /** What answers the request. */
  lease(request: RecogniseRequest): Lease<Served | null> {
    return this.#canary.current?.isChosen(request) ? this.#canary.acquire() : this.#served.acquire();
  }

  /** What is in service, whatever canary stands beside it. */
  leaseServed(): Lease<Served | null> {
    return this.#served.acquire();
  }

  get canary(): CanaryServed | null {
    return this.#canary.current;
  }

  /** Lets a candidate answer its share, or with null ends that. */
  setCanary(canary: CanaryServed | null): void {
    if (canary === this.canary) return;
    const { previous, drained } = this.#canary.swap(canary);
    if (previous) this.#keep(drained, previous);
  }

  /** Resolves when no request works with anything that was replaced before this call. */
  async drained(): Promise<void> {
    await Promise.all(this.#drains);
  }

  /** Requests before the assignment end on the release they began with. */
  switchTo({ release }: Release, resident: ResidentModel): SwapMoment {
    const former = this.served;
    // A new host for the same release, after the former was lost, goes on counting.
    const isSameRelease = former?.release === release;
    const next = { release, resident, figures: isSameRelease ? former.figures : createFigures() };
    const { previous, drained, ...moment } = timedSwap(this.#served, next);
    if (!isSameRelease) this.#swapUs = moment.swapUs;
    if (former && !isSameRelease) this.#former = { release: former.release, figures: former.figures.snapshot() };
    if (previous) this.#keep(drained, previous);
    this.onSwitched();
    this.wake();
    return moment;
  }

  /** What was replaced stays as long as requests work with it. */
  #keep(drained: Promise<void>, { resident }: Served): void {
    this.residents.keepUntil(drained, resident);
    const drain = drained.then(repliesSent).then(() => void this.#drains.delete(drain));
    this.#drains.add(drain);
  }

  /** Whoever waits for a change looks again. */
  wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  /** Waits until something changed that requests may wait for. False when `deadlineMs` (performance.now()) came first. */
  changed(deadlineMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (hasChanged: boolean) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve(hasChanged);
      };
      const waiter = () => finish(true);
      const timer = setTimeout(() => finish(false), Math.max(0, deadlineMs - performance.now()));
      this.#waiters.add(waiter);
    });
  }

  /** Of any of its models: a process of the host was lost, and requests may have been asked again. */
  readonly onHostReplaced = (err: PipelineError) => {
    this.#hosts.replaced += 1;
    this.#options.log.error({ err }, 'replica: a model host lost its process; another takes its place');
  };
  readonly onRetried = (images: number) => {
    this.#hosts.imagesRetried += images;
  };

  status(): ReplicaStatus {
    const { model, replicaId, startedAt } = this.#options;
    return {
      replicaId,
      model,
      startedAt: startedAt.toISOString(),
      release: this.served?.release ?? null,
      modelDigest: this.served?.resident.modelDigest ?? null,
      resident: this.residents.digests,
      prepared: this.prepared,
      figures: this.served?.figures.snapshot() ?? NOTHING_SERVED,
      former: this.#former,
      canary: this.canary && { runId: this.canary.canary, figures: this.canary.figures.snapshot() },
      draining: this.#drains.size > 0,
      outOfService: this.outOfService,
      swapUs: this.#swapUs,
      hosts: { ...this.#hosts },
    };
  }

  /** No request may lease a model after this; those under way keep theirs. */
  async close(): Promise<void> {
    this.setCanary(null);
    const { previous, drained } = this.#served.swap(null);
    if (previous) this.residents.keepUntil(drained, previous.resident);
    await this.residents.close();
  }

  #residentFailed({ modelDigest }: ResidentModel, error: PipelineError): void {
    const { log } = this.#options;
    log.error({ modelDigest, err: error }, 'replica: a model host is lost; loading the model anew');
    this.onResidentFailed();
  }
}
