/**
 * The models that a replica holds in memory, by pair. A resident leaves the table at once when it is no longer wanted,
 * and its process ends when the last request that leased it is answered.
 */
import type { PipelineError } from '../../../contracts/errors.ts';
import type { ModelPair } from '../../../contracts/release.ts';
import type { ResidentModel } from './resident-model.ts';
import { inTurn } from '../../../runtime/turn.ts';

export interface ResidentsOptions {
  /** `isUrgent`: it is in service, and nothing else can answer in its place. */
  readonly load: (pair: ModelPair, isUrgent: boolean) => Promise<ResidentModel>;
  /** Called when a model has come into the table, and when some are no longer wanted. */
  readonly onChanged: () => void;
  /** Called when a resident's process is gone for good; it has left the table by then. */
  readonly onFailed: (resident: ResidentModel, error: PipelineError) => void;
}

/** A turn of its own: to prepare a model takes its turn for longer, and retiring need not wait for that. */
const RETIRING = 'retire';
/** Nothing waits for it but a replica that stops; those in front take 10 ms each. */
const RETIRING_WAIT_MS_MAX = 20_000;

export class Residents {
  readonly #options: ResidentsOptions;
  readonly #table = new Map<string, ResidentModel>();
  /** Resolves when nobody leases the resident any more; there may be one promise per release that it served. */
  readonly #drains = new WeakMap<ResidentModel, Promise<unknown>>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: ResidentsOptions) {
    this.#options = options;
  }

  get(pair: ModelPair): ResidentModel | undefined {
    return this.#table.get(keyOf(pair));
  }

  get all(): readonly ResidentModel[] {
    return [...this.#table.values()];
  }

  get digests(): string[] {
    return [...new Set([...this.#table.values()].map(({ modelDigest }) => modelDigest))];
  }

  /** Throws what loadResident throws. */
  async load(pair: ModelPair, isUrgent: boolean): Promise<ResidentModel> {
    const resident = await this.#options.load(pair, isUrgent);
    this.#table.set(keyOf(pair), resident);
    this.#options.onChanged();
    // `failed` tells an error as its value and never rejects.
    void resident.host.failed.then((error) => {
      if (this.get(pair) === resident) this.#table.delete(keyOf(pair));
      this.#options.onFailed(resident, error);
    });
    return resident;
  }

  /** A resident that served a release must outlive the requests of that release. */
  keepUntil(drained: Promise<void>, resident: ResidentModel): void {
    this.#drains.set(resident, Promise.all([this.#drains.get(resident), drained]));
  }

  /** Ends all residents but those of the given pairs. Returns the model digests that left. */
  retain(pairs: readonly ModelPair[]): string[] {
    const wanted = new Set(pairs.map(keyOf));
    const unwanted = [...this.#table].filter(([key]) => !wanted.has(key));
    for (const [key, resident] of unwanted) {
      this.#table.delete(key);
      this.#close(resident);
    }
    if (unwanted.length > 0) this.#options.onChanged();
    return unwanted.map(([, { modelDigest }]) => modelDigest);
  }

  /** Ends all; resolves when every process has ended. */
  async close(): Promise<void> {
    this.retain([]);
    await Promise.all(this.#closing);
  }

  /**
   * In turn with the other replicas of the machine, which retire theirs at the same moment. To take a process apart is
   * some 10 ms of the kernel's work; and Linux 6.18 was seen to be busy for half a minute with two that ended at once
   * and that a monitor had looked at (docs/swap-performance.md).
   */
  #close(resident: ResidentModel): void {
    const closing = Promise.resolve(this.#drains.get(resident))
      .then(() => inTurn(() => resident.close(), RETIRING, RETIRING_WAIT_MS_MAX))
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

const keyOf = ({ model, gallery, faces }: ModelPair) => [model, gallery, faces].map((blob) => blob?.digest).join(' ');
