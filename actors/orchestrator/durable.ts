/**
 * How a record moves that must survive a crash between any two lines: the checkpoint of a run (run-loop.ts) and the
 * record of a schedule (schedule.ts). Both consist of what is decided and of an outbox, the effects still to be carried
 * out. A message, a timer or an operator makes a record go once through these steps:
 *
 *  1. Load the record.
 *  2. Flush: carry out an outbox that is found in it. A process died after step 4, so its effects are perhaps not done.
 *  3. Decide, by a pure function. It answers null if nothing is to be done, as for a message that was seen before.
 *  4. Save the decision together with its outbox, by compare-and-swap on the revision.
 *  5. Carry out the outbox.
 *  6. Settle: save the record with its outbox empty.
 *  7. The caller acknowledges its message.
 *
 * Why a crash loses nothing and doubles nothing:
 *
 *  - Before 4 nothing has happened. The message is not acknowledged, so it comes again and is decided anew.
 *  - In 4 the record is saved whole or not at all, and step 1 of the redelivery finds which.
 *  - After 4 the decision stands. The next process that loads the record does in its step 2 what is missing. An effect
 *    may be carried out twice, which is harmless: messages have deterministic ids, a timer replaces the one before, a
 *    change of the deployment record knows the run that made it.
 *  - After 6 only the acknowledgement is missing. The message comes again and is known by its id, so 3 answers null.
 *  - The outbox is emptied in the store, because a leftover must mean "perhaps not done": what was sent hours ago would
 *    no longer be recognised as a duplicate.
 *  - If two orchestrators meet at one record, one of them loses in step 4 or 6 (CHECKPOINT_CONFLICT) and begins again
 *    at step 1 with what the other has saved.
 */
import { toFailure } from '../../contracts/errors.ts';
import type { Stored } from '../../infra/stores/record-store.ts';
import { retry, type RetryPolicy } from '../../runtime/retry.ts';

/** A record as it lies in the store. Revision 0: it does not, yet. */
export type Versioned<R> = Pick<Stored<R>, 'value' | 'revision'>;

/** One record: where it lies, what its effects are, and where a process may die on the way. */
export interface Durable<R> {
  load(): Promise<Versioned<R>>;
  /** Returns the new revision. Throws CHECKPOINT_CONFLICT if another process saved first. */
  save(record: R, expectedRevision: number): Promise<number>;
  /**
   * Carries out the whole outbox. Resolves with the record that is to be saved next: its outbox is empty, unless an
   * effect was refused for good and another decision follows from that.
   */
  carryOut(record: R): Promise<R>;
  readonly points: Points<R>;
}

/** Called at the places of which runtime/fault-points.ts tells. */
export interface Points<R> {
  decided(record: R): void;
  saved(record: R): void;
  settled(record: R, before: R): void;
}

interface WithOutbox {
  readonly outbox: readonly unknown[];
}

/** Steps 1 to 4. The record that it resolves with may have an outbox: `settle` does what is left. */
export async function decide<R extends WithOutbox>(
  durable: Durable<R>,
  decision: (record: R) => R | null | Promise<R | null>,
): Promise<Versioned<R>> {
  const flushed = await settle(durable, await durable.load());
  const decided = await decision(flushed.value);
  return decided ? save(durable, decided, flushed.revision) : flushed;
}

/**
 * Step 4, also for a decision upon a record that was not loaded: if that is outdated, this throws CHECKPOINT_CONFLICT.
 */
export async function save<R>(durable: Durable<R>, decided: R, expectedRevision: number): Promise<Versioned<R>> {
  durable.points.decided(decided);
  const revision = await durable.save(decided, expectedRevision);
  durable.points.saved(decided);
  return { value: decided, revision };
}

/** Steps 5 and 6, which are also step 2. Does nothing if the outbox is empty. */
export async function settle<R extends WithOutbox>(durable: Durable<R>, stored: Versioned<R>): Promise<Versioned<R>> {
  const { value, revision } = stored;
  if (value.outbox.length === 0) return stored;
  const next = await durable.carryOut(value);
  const settled = { value: next, revision: await durable.save(next, revision) };
  durable.points.settled(next, value);
  return settle(durable, settled);
}

/**
 * Two orchestrators that meet at one record each win in turn, so there is nothing to wait for. More than 20 conflicts
 * in a row mean a bug, and a redelivery.
 */
const AFTER_CONFLICT: RetryPolicy = {
  attemptsMax: 21,
  pauseMs: 0,
  isWorthIt: (error) => toFailure(error).code === 'CHECKPOINT_CONFLICT',
};

/** The last attempt under way at each record in this process. Empty when none is. */
export type Attempts = Map<string, Promise<unknown>>;

/**
 * Makes attempts at one record one after the other within a process, and repeats one that met a conflict. Correctness
 * rests on the compare-and-swap alone; without this, every message of a busy run would lose that race to another, and
 * core subscribers would hear its outbox twice.
 */
export async function oneByOne<T>(attempts: Attempts, key: string, attempt: () => Promise<T>): Promise<T> {
  const before = attempts.get(key) ?? Promise.resolve();
  const mine = before.then(
    () => retry(AFTER_CONFLICT, attempt),
    () => retry(AFTER_CONFLICT, attempt),
  );
  attempts.set(key, mine);
  try {
    return await mine;
  } finally {
    if (attempts.get(key) === mine) attempts.delete(key);
  }
}
