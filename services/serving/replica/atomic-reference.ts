/**
 * A reference that is replaced in one assignment while others still work with its former value. Each reader holds a
 * lease; the former value is drained when its last lease is given back. Used by replicas to switch releases.
 */

export interface Lease<T> {
  readonly value: T;
  /** Gives the value back; a second call does nothing. */
  release(): void;
}

export interface Swapped<T> {
  readonly previous: T;
  /** Resolves when the last lease of `previous` was released; at once if there is none. */
  readonly drained: Promise<void>;
}

/** A value and how many work with it. Each swap makes a new cell, so that leases know which value they count for. */
interface Cell<T> {
  readonly value: T;
  leases: number;
  retired: boolean;
  readonly drained: Promise<void>;
  readonly markDrained: () => void;
}

export class AtomicReference<T> {
  #cell: Cell<T>;

  constructor(initial: T) {
    this.#cell = createCell(initial);
  }

  /** The value at this moment, without a lease: for looking, not for working with it. */
  get current(): T {
    return this.#cell.value;
  }

  /** Leases held of the current value. */
  get leases(): number {
    return this.#cell.leases;
  }

  acquire(): Lease<T> {
    const cell = this.#cell;
    cell.leases += 1;
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      cell.leases -= 1;
      markIfDrained(cell);
    };
    return { value: cell.value, release };
  }

  swap(next: T): Swapped<T> {
    return this.stage(next)();
  }

  /** Prepares a swap up to its assignment; the answer carries that out, once. */
  stage(next: T): () => Swapped<T> {
    const cell = createCell(next);
    return () => {
      const retired = this.#cell;
      // A lease from before this line keeps the old value to its end; a later one has the new value.
      this.#cell = cell;
      retired.retired = true;
      markIfDrained(retired);
      return { previous: retired.value, drained: retired.drained };
    };
  }
}

function markIfDrained(cell: Cell<unknown>): void {
  if (cell.retired && cell.leases === 0) cell.markDrained();
}

function createCell<T>(value: T): Cell<T> {
  const { promise, resolve } = withResolvers();
  return { value, leases: 0, retired: false, drained: promise, markDrained: resolve };
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
