/** The newest messages of a stream that people look through, such as dead letters. Used by its stores. */
import type { StoredMsg } from '@nats-io/jetstream';
import type { Manager } from '../messaging/jetstream.ts';

export interface Newest<T> {
  readonly found: readonly T[];
  /** Of all that the stream holds. */
  readonly total: number;
}

/**
 * One by one from the end, newest first, down to `since` if it is given; those that were deleted are passed over.
 */
export async function newestIn<T>(
  manager: Manager,
  stream: string,
  limit: number,
  read: (stored: StoredMsg) => T,
  since: Date | null = null,
): Promise<Newest<T>> {
  const { state } = await manager.streams.info(stream);
  const found: T[] = [];
  for (let seq = state.last_seq; seq >= Math.max(1, state.first_seq) && found.length < limit; seq--) {
    const stored = await manager.streams.getMessage(stream, { seq });
    if (stored && since && stored.time < since) break;
    if (stored) found.push(read(stored));
  }
  return { found, total: state.messages };
}
