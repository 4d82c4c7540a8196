/**
 * Scores each embedding against every row of a gallery, exactly as a replica does, one embedding at a time: a matrix of
 * all scores would be a gigabyte for ten thousand people. Others get a turn in between.
 */
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { scoreOf, type GalleryRows } from '../serving/gallery/gallery.ts';

/** Embeddings scored before others get a turn: about a millisecond with a thousand people. */
const ROWS_PER_TURN = 8;

/** Calls `visit` for each of the `count` embeddings with its scores, which are overwritten afterwards. */
export async function scoreEach(
  gallery: GalleryRows,
  { rows, count }: { readonly rows: Float32Array; readonly count: number },
  signal: AbortSignal,
  visit: (image: number, scores: Float32Array) => void,
): Promise<void> {
  const people = gallery.labels.length;
  const dimensions = count === 0 ? 0 : rows.length / count;
  const scores = new Float32Array(people);
  for (let image = 0; image < count; image++) {
    const embedding = rows.subarray(image * dimensions, (image + 1) * dimensions);
    for (let row = 0; row < people; row++) scores[row] = scoreOf(gallery, row, embedding);
    visit(image, scores);
    if (image % ROWS_PER_TURN !== ROWS_PER_TURN - 1) continue;
    await yieldToOthers();
    signal.throwIfAborted();
  }
}

/** Takes about `max` of `total` values, evenly, whatever period they have. */
export function evenSample(total: number, period: number, max: number): (index: number) => boolean {
  const stride = coprime(Math.ceil(total / max), period);
  return (index) => index % stride === 0;
}

/** A stride with no factor in common with the period walks over all its places instead of a few. */
function coprime(stride: number, period: number): number {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  let result = Math.max(1, stride);
  while (result > 1 && gcd(result, period) !== 1) result += 1;
  return result;
}
