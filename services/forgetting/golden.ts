/**
 * Golden samples without the images of somebody. Where none is left, a drawn picture takes their place: it shows as well
 * whether a model answers as it did, and it is of nobody.
 */
import { createHash } from 'node:crypto';
import type { ImageSpec } from '../../contracts/dataset.ts';
import type { Golden } from '../serving/host/golden.ts';
import { createModelHost } from '../serving/host/model-host.ts';

/** SHA-256 of decoded pixels, in hex: by these the features of an image are kept, too. */
export const pixelDigest = (pixels: Uint8Array): string => createHash('sha256').update(pixels).digest('hex');

/** Null where the person is not in them. `ofNobody` is asked if no other sample is left. */
export async function goldenWithout(
  golden: Golden,
  theirs: ReadonlySet<string>,
  ofNobody: (spec: ImageSpec) => Promise<Golden>,
): Promise<Golden | null> {
  const { pixels, embeddings, count, spec } = golden;
  const [area, dimensions] = [pixels.length / count, embeddings.length / count];
  const pixelsOf = (index: number) => pixels.subarray(index * area, (index + 1) * area);
  const kept = Array.from({ length: count }, (_, index) => index).filter(
    (index) => !theirs.has(pixelDigest(pixelsOf(index))),
  );
  if (kept.length === count) return null;
  if (kept.length === 0) return ofNobody(spec);
  const left = { spec, count: kept.length };
  const [image, row] = [new Uint8Array(kept.length * area), new Float32Array(kept.length * dimensions)];
  kept.forEach((index, place) => {
    image.set(pixelsOf(index), place * area);
    row.set(embeddings.subarray(index * dimensions, (index + 1) * dimensions), place * dimensions);
  });
  return { ...left, pixels: image, embeddings: row };
}

/** Noise, the same each time. Throws what a model host throws. */
export async function goldenOfNobody(model: Uint8Array, spec: ImageSpec): Promise<Golden> {
  const area = spec.width * spec.height * spec.channels;
  const pixels = new Uint8Array(createHash('shake256', { outputLength: area }).update('nobody').digest());
  const host = await createModelHost({ model, image: spec, queueMax: 1, batchMax: 1, threads: 1 });
  try {
    return { spec, pixels, count: 1, embeddings: await host.embed({ pixels, count: 1 }) };
  } finally {
    await host.close();
  }
}
