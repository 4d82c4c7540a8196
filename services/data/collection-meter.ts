/**
 * Adds up the progress of a collection: sources that run at once, each with a total that it may or may not know, then
 * the storing of shards. Used by snapshot.ts alone.
 */
import type { Progress } from '../../contracts/progress.ts';
import { isStored, type IntakeRecord } from './intake.ts';

/** Share of the work that reading and decoding takes; storing the shards is the rest. */
const READING_SHARE = 0.9;

interface SourceCount {
  done: number;
  /** A hint: a source may deliver more than it said. Null while it has said nothing. */
  total: number | null;
}

/** `sources`: how many are read. The fraction stays 0 until the total of each of them is known. */
export function createMeter(sources: number, progress: (report: Progress) => void) {
  const counts = Array.from({ length: sources }, (): SourceCount => ({ done: 0, total: null }));
  let quarantined = 0;
  const report = (fractionOf: (done: number, total: number) => number) => {
    const { done, total } = sum(counts);
    progress({ fraction: fractionOf(done, total), done, total, unit: 'image', figures: { quarantined } });
  };
  const reading = (done: number, total: number) =>
    total === 0 || counts.some((count) => count.total === null) ? 0 : (READING_SHARE * done) / total;
  return {
    source: (index: number) => ({
      /** A sample was taken in; `total` is what the source expects in all, if it knows. */
      taken: (record: IntakeRecord, total: number | undefined) => {
        const before = counts[index] ?? { done: 0, total: null };
        counts[index] = { done: before.done + 1, total: total ?? before.total };
        if (!isStored(record)) quarantined += 1;
        report(reading);
      },
      ended: () => {
        const { done } = counts[index] ?? { done: 0 };
        counts[index] = { done, total: done };
        report(reading);
      },
    }),
    /** `count` of the `of` samples that stay lie in shards. */
    stored: (count: number, of: number) => report(() => READING_SHARE + (1 - READING_SHARE) * (count / of)),
  };
}

function sum(counts: readonly SourceCount[]): { done: number; total: number } {
  const done = counts.reduce((so, count) => so + count.done, 0);
  return { done, total: counts.reduce((so, count) => so + Math.max(count.done, count.total ?? 0), 0) };
}
