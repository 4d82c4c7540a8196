/**
 * Embeds a whole split through a model host, in pieces that leave room for others. Used for galleries and by the
 * verifier; a replica's requests go to the host directly.
 */
import { mapInOrder } from '../../../runtime/bounded.ts';
import { imageBytesOf, openImages } from '../../data/image-reader.ts';
import type { EmbeddableImages } from '../../data/strategy.ts';
import type { ModelHost } from '../strategy.ts';

/** One piece; as large as the verifier's batches, so that a piece is one run of the model. */
const IMAGES_PER_REQUEST = 32;
/** In memory at once. */
const PIECES_MAX = 2;

export interface EmbedAllOptions {
  /** Looked at before each piece; its reason is thrown. */
  readonly signal?: AbortSignal;
  readonly onDone?: (images: number) => void;
}

/**
 * Rows of length 1, [images.count, host.dimensions]. Two pieces are in memory at most: one that is embedded, and the next,
 * which is read meanwhile. Throws what the host throws.
 */
export async function embedAll(
  host: ModelHost,
  images: EmbeddableImages,
  { signal, onDone }: EmbedAllOptions = {},
): Promise<Float32Array> {
  const rows = new Float32Array(images.count * host.dimensions);
  const reader = openImages(images);
  const read = async ({ first, end }: Piece) => {
    const pixels = new Uint8Array((end - first) * imageBytesOf(images.spec));
    await reader.read(
      Int32Array.from({ length: end - first }, (_, place) => first + place),
      pixels,
    );
    return { first, end, pixels };
  };
  try {
    for await (const { first, end, pixels } of mapInOrder(piecesOf(images.count), PIECES_MAX, read)) {
      signal?.throwIfAborted();
      rows.set(await host.embed({ pixels, count: end - first }), first * host.dimensions);
      onDone?.(end);
    }
  } finally {
    reader.close();
  }
  return rows;
}

interface Piece {
  readonly first: number;
  readonly end: number;
}

function* piecesOf(count: number): Generator<Piece> {
  for (let first = 0; first < count; first += IMAGES_PER_REQUEST)
    yield { first, end: Math.min(count, first + IMAGES_PER_REQUEST) };
}
