/**
 * The state of one replica: the epoch in service behind an atomic reference, the residents, and what it says of itself.
 * It decides nothing: converge.ts moves it, serve.ts reads it.
 */
import type { PipelineError } from '../../contracts/errors.ts';
import type { Epoch, ModelPair, ReplicaStatus } from '../../contracts/values.ts';
import type { Logger } from '../../infra/logger.ts';
import { AtomicReference, type Lease, type Swapped } from '../../services/serving/atomic-reference.ts';
import type { ResidentModel } from '../../services/serving/resident-model.ts';
import { createFigures, type Figures } from './figures.ts';
import { Residents } from './residents.ts';

/** An epoch in service. All that a request needs is in here, so that one lease covers model, gallery and figures. */
export interface Served {
  readonly epoch: number;
  readonly resident: ResidentModel;
  readonly figures: Figures;
}

export interface ReplicaOptions {
  readonly model: string;
  readonly replicaId: string;
  readonly startedAt: Date;
  readonly load: (pair: ModelPair) => Promise<ResidentModel>;
  readonly log: Logger;
}

interface TimedSwap<T> extends Swapped<T> {
  readonly swapUs: number;
}

/** How long no request could have got either value: microseconds of the swap alone. */
function timedSwap<T>(reference: AtomicReference<T>, next: T): TimedSwap<T> {
  const swap = reference.stage(next);
  const startedAt = process.hrtime.bigint();
  const swapped = swap();
  const endedAt = process.hrtime.bigint();
  return { ...swapped, swapUs: Number(endedAt - startedAt) / 1000 };
}

const NOTHING_SERVED = { requests: 0, failed: 0, latencyMs: null, scores: null };

/** Swaps that concern nobody, so that no request waits while the first real one is compiled. */
const REHEARSALS = 1000;
function rehearseSwap(): void {
  const reference = new AtomicReference<object>({});
  for (let i = 0; i < REHEARSALS; i++) timedSwap(reference, {});
}

export class Replica {
  readonly residents: Residents;
  /** Called when a resident's thread has died. */
  onResidentFailed: () => void = () => {};
  /** Called after each switch. */
  onSwitched: () => void = () => {};
  prepared: ReplicaStatus['prepared'] = null;

  readonly #options: ReplicaOptions;
  readonly #served = new AtomicReference<Served | null>(null);
  #swapUs: number | null = null;
  #former: ReplicaStatus['former'] = null;
  /** Former values that requests still work with. */
  #draining = 0;
  #swapWaiters: (() => void)[] = [];

  constructor(options: ReplicaOptions) {
    this.#options = options;
    rehearseSwap();
    this.residents = new Residents({ load: options.load, onFailed: (...failed) => this.#residentFailed(...failed) });
  }

  get served(): Served | null {
    return this.#served.current;
  }

  lease(): Lease<Served | null> {
    return this.#served.acquire();
  }

  /** Returns the duration of the assignment in microseconds; requests before it end on the epoch they began with. */
  switchTo({ epoch }: Epoch, resident: ResidentModel): number {
    const former = this.served;
    // A new host for the same epoch, after its thread died, goes on counting.
    const isSameEpoch = former?.epoch === epoch;
    const next = { epoch, resident, figures: isSameEpoch ? former.figures : createFigures() };
    const { previous, drained, swapUs } = timedSwap(this.#served, next);
    if (!isSameEpoch) this.#swapUs = swapUs;
    if (former && !isSameEpoch) this.#former = { epoch: former.epoch, serving: former.figures.snapshot() };
    if (previous) this.residents.keepUntil(drained, previous.resident);
    for (const wake of this.#swapWaiters.splice(0)) wake();
    this.onSwitched();
    return swapUs;
  }

  /** Resolves when something else than `served` is in service. */
  async replaced(served: Served): Promise<void> {
    while (this.served === served) await new Promise<void>((resolve) => this.#swapWaiters.push(resolve));
  }

  status(): ReplicaStatus {
    const { model, replicaId, startedAt } = this.#options;
    return {
      replicaId,
      model,
      startedAt: startedAt.toISOString(),
      epoch: this.served?.epoch ?? null,
      modelDigest: this.served?.resident.modelDigest ?? null,
      resident: this.residents.digests,
      prepared: this.prepared,
      serving: this.served?.figures.snapshot() ?? NOTHING_SERVED,
      former: this.#former,
      trial: null,
      draining: this.#draining > 0,
      outOfService: null,
      swapUs: this.#swapUs,
    };
  }

  /** No request may lease a model after this; those under way keep theirs. */
  async close(): Promise<void> {
    const { previous, drained } = this.#served.swap(null);
    if (previous) this.residents.keepUntil(drained, previous.resident);
    await this.residents.close();
  }

  #residentFailed({ modelDigest }: ResidentModel, error: PipelineError): void {
    const { log } = this.#options;
    log.error({ modelDigest, err: error }, 'replica: a model host died; loading the model anew');
    this.onResidentFailed();
  }
}
