/**
 * Which shard a sample goes into that lies in none yet. Shards are cut by content: a shard ends after a sample whose digest
 * says so, so that a sample more or less moves no other boundary. Pure; called by snapshot.ts.
 */
import type { ResolvedSample } from './resolve.ts';

/** A shard is one object of the store: one that holds a changed sample is written anew, and each is fetched by itself. */
export const SHARD_SAMPLES_MAX = 512;
/** No boundary before so many. A smaller one holds the rest of a source, or what a night has added. */
export const SHARD_SAMPLES_MIN = 32;
const SHARD_BYTES_MAX = 256 * 1024 * 1024;
/** One digest of so many ends a shard. */
const CUTS_ONE_IN = 64;

/** Samples of one source in the order given, bounded in number and bytes. */
export function planShards(samples: readonly ResolvedSample[]): ResolvedSample[][] {
  const shards: ResolvedSample[][] = [];
  let open: ResolvedSample[] = [];
  let bytes = 0;
  for (const sample of samples) {
    const isFull = open.length === SHARD_SAMPLES_MAX || bytes + sample.bytes > SHARD_BYTES_MAX;
    const isCut = open.length >= SHARD_SAMPLES_MIN && cuts(open.at(-1)!);
    if (open.length === 0 || isFull || isCut || open[0]?.source !== sample.source) {
      open = [];
      bytes = 0;
      shards.push(open);
    }
    open.push(sample);
    bytes += sample.bytes;
  }
  return shards;
}

/** By its last two bytes: splits go by the first. */
const cuts = ({ digest }: ResolvedSample) => Number.parseInt(digest.slice(-4), 16) % CUTS_ONE_IN === 0;
