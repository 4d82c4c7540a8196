/** Small samples and sources for tests of the collector: real PNG files of random pixels, different for each seed. */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { PipelineError } from '../../contracts/errors.ts';
import type { DataSource, SourceSample } from '../../services/data/strategy.ts';
import type { WorkContext } from '../../services/work.ts';

/** A grey PNG of `size` x `size` pixels that depend on the seed alone. */
export function testPng(seed: string, size = 12): Promise<Buffer> {
  const pixels = Buffer.alloc(size * size);
  for (let at = 0; at < pixels.length; at += 32) createHash('sha256').update(`${seed}:${at}`).digest().copy(pixels, at);
  return sharp(pixels, { raw: { width: size, height: size, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
}

/** `shots` samples of each label, person by person, with ids `<label>/<number>`. */
export async function samplesOf(labels: readonly string[], shots: number): Promise<SourceSample[]> {
  const named = labels.flatMap((label) =>
    Array.from({ length: shots }, (_, shot) => ({ id: `${label}/${shot + 1}`, label })),
  );
  return Promise.all(named.map(async (sample) => ({ ...sample, bytes: await testPng(sample.id) })));
}

/** A source over samples in memory; `pause` is awaited before each one. */
export function listSource(
  name: string,
  samples: readonly SourceSample[],
  pause: () => Promise<void> = async () => undefined,
): DataSource {
  return {
    name,
    type: 'list',
    async *samples(signal) {
      for (const sample of samples) {
        await pause();
        signal.throwIfAborted();
        yield { ...sample, total: samples.length };
      }
    },
  };
}

/** A context that is never aborted and says nothing. */
export const quietContext = (): WorkContext => ({
  signal: new AbortController().signal,
  progress: () => undefined,
  log: { info: () => undefined, warn: () => undefined },
  now: () => performance.now(),
});

export const cancelled = () => new PipelineError('CANCELLED', 'the operator cancelled run r1');

/** The failure of the work, as a PipelineError; a plain Error where it succeeds or fails otherwise. */
export async function failureOf(work: Promise<unknown>): Promise<PipelineError> {
  const outcome = await work.then(
    () => new Error('expected a failure, but it succeeded'),
    (error: unknown) => error,
  );
  if (outcome instanceof PipelineError) return outcome;
  throw outcome;
}
