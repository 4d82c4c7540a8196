/**
 * Who is held out of training, so that the net meets these people as it meets strangers and newcomers. Decided by the
 * names alone: the same people every night, also through warm starts. Pure.
 */
import { createHash } from 'node:crypto';
import { personName } from '../../contracts/person-name.ts';

/** A fifth of the people: with fewer a set of fifty has too few to set a threshold by, with more the net learns less. */
export const HELD_OUT_SHARE = 0.2;
/** On ORL faces six people kept a promise of 5 % at 14 %, ten at 5 %: of few people one alone may decide. */
export const HELD_OUT_MIN = 10;
/** At least two thirds are always learned. */
const PART_MAX = 3;

export interface HoldOut {
  /** Share of all people, 0..1. */
  readonly share: number;
  /** If the share gives fewer, those whose names come next. */
  readonly min: number;
  /** Another salt holds out other people; benches divide by it. A product never changes it. */
  readonly salt?: string;
}

/**
 * Everybody whose name is hashed below the share, whatever other names there are. Only if that is less than `min` it
 * depends on them: people are added in the order of their hashes, and a newcomer may take the place of one of these.
 * Nobody is held out who is in `learned`: a net has seen them. The answer is in the order of the hashes.
 */
export function heldOutOf(
  names: Iterable<string>,
  { share, min, salt = '' }: HoldOut,
  learned: ReadonlySet<string> = new Set(),
): ReadonlySet<string> {
  const order = [...new Set(names)]
    .map((name) => ({ name, place: placeOf(`${salt}\n${personName(name)}`) }))
    .sort((a, b) => a.place - b.place);
  const free = order.filter(({ name }) => !learned.has(name));
  const below = free.filter(({ place }) => place < share).length;
  const filled = Math.max(below, Math.min(min, Math.floor(order.length / PART_MAX)));
  return new Set(free.slice(0, filled).map(({ name }) => name));
}

/** The first 48 bits of a SHA-256 as a number in [0, 1): evenly spread, and exact in a double. */
function placeOf(text: string): number {
  return createHash('sha256').update(text).digest().readUIntBE(0, 6) / 2 ** 48;
}
