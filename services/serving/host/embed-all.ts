/**
 * Embeds a whole split through a model host, in pieces that leave room for others. Used for galleries and by the
 * verifier; a replica's requests go to the host directly.
 */
import type { LabelledImages } from '../../data/strategy.ts';
import type { ModelHost } from '../strategy.ts';

/** One piece; as large as the verifier's batches, so that a piece is one run of the model. */
const IMAGES_PER_REQUEST = 32;

export interface EmbedAllOptions {
  /** Looked at before each piece; its reason is thrown. */
  readonly signal?: AbortSignal;
  readonly onDone?: (images: number) => void;
}

/** Rows of length 1, [images.count, host.dimensions]. Throws what the host throws. */
export async function embedAll(
  host: ModelHost,
  images: LabelledImages,
  { signal, onDone }: EmbedAllOptions = {},
): Promise<Float32Array> {
  const imageBytes = imageBytesOf(images);
  const rows = new Float32Array(images.count * host.dimensions);
  for (let first = 0; first < images.count; first += IMAGES_PER_REQUEST) {
    signal?.throwIfAborted();
    const end = Math.min(images.count, first + IMAGES_PER_REQUEST);
    const pixels = images.pixels.subarray(first * imageBytes, end * imageBytes);
    rows.set(await host.embed({ pixels, count: end - first }), first * host.dimensions);
    onDone?.(end);
  }
  return rows;
}

export const imageBytesOf = ({ spec }: LabelledImages) => spec.width * spec.height * spec.channels;
