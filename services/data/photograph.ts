/**
 * Photographs as telephones take them, at the edge of a source: one that is larger than all else here accepts is turned as
 * EXIF says, scaled and encoded anew before anything looks at it, and so is a HEIC file of any size; the same file gives the
 * same bytes each night. Any other goes on as it came. Called by sources.ts for each source.
 */
import sharp, { type Sharp } from 'sharp';
import type { PhotographsConfig } from '../../contracts/configuration/sources.ts';
import { IMAGE_BYTES_MAX } from '../../contracts/inference.ts';
import { mapInOrder } from '../../runtime/bounded.ts';
import { createHeicDecoder, isHeic, type HeicDecoder } from './heic.ts';
import { refusedFormat } from './image-format.ts';
import { lacksMemory, MEMORY_WORDS, PIXELS_MAX } from './images.ts';
import type { DataSource, SourceFault, SourceItem, SourceSample } from './strategy.ts';

/** Of one source; each may take 200 MB while it is decoded. */
const SCALED_AT_ONCE = 2;
/** A smaller file is no photograph of so many pixels, so nobody asks it for its size. */
const LOOKED_AT_BYTES = 256 * 1024;
/** The first that fits is taken. */
const QUALITIES = [90, 75, 50] as const;
/** As for any image (images.ts), for four times the work. */
const DECODE_SECONDS_MAX = 20;

/** The source, with its large photographs scaled. */
export function withScaledPhotographs(source: DataSource, limits: PhotographsConfig): DataSource {
  return {
    ...source,
    samples: (signal) => scaledItems(source.samples(signal), limits),
  };
}

async function* scaledItems(items: AsyncIterable<SourceItem>, limits: PhotographsConfig): AsyncGenerator<SourceItem> {
  const heic = createHeicDecoder();
  const scaledItem = async (item: SourceItem) => ('bytes' in item ? scaled(item, limits, heic) : item);
  try {
    yield* mapInOrder(items, SCALED_AT_ONCE, scaledItem);
  } finally {
    await heic.close();
  }
}

async function scaled(
  sample: SourceSample,
  limits: PhotographsConfig,
  heic: HeicDecoder,
): Promise<SourceSample | SourceFault> {
  const { bytes, ...rest } = sample;
  const fault = (reason: SourceFault['fault'], why: string): SourceFault => ({
    ...{ id: rest.id, label: rest.label, total: rest.total, fault: reason },
    message: `${rest.id}: ${why}`,
  });
  if (bytes.length > limits.bytesMax) return fault('too-large', `more than ${limits.bytesMax} bytes`);
  if (isHeic(bytes)) {
    const decoded = await heic.decode({ bytes, pixelsMax: limits.pixelsMax });
    if ('failure' in decoded) return fault(decoded.failure, decoded.message);
    const { rgba, width, height } = decoded;
    return { ...rest, bytes: await encoded(sharp(rgba, { raw: { width, height, channels: 4 } }), limits) };
  }
  // What is refused is told by intake.ts, in its own words.
  if (bytes.length <= LOOKED_AT_BYTES || refusedFormat(bytes) !== null) return sample;
  try {
    const pixels = await pixelsOf(bytes);
    if (pixels > limits.pixelsMax) return fault('too-large', `${pixels} pixels; at most ${limits.pixelsMax} are read`);
    const isAccepted = bytes.length <= IMAGE_BYTES_MAX && pixels <= PIXELS_MAX;
    return isAccepted ? sample : { ...rest, bytes: await encoded(opened(bytes, limits), limits) };
  } catch (error) {
    // The picture may be a good one.
    if (lacksMemory(error as Error)) return fault('unavailable', MEMORY_WORDS);
    return fault('unreadable', (error as Error).message);
  }
}

async function pixelsOf(bytes: Buffer): Promise<number> {
  const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
  return width * height;
}

const opened = (bytes: Buffer, { pixelsMax }: PhotographsConfig): Sharp =>
  sharp(bytes, { failOn: 'truncated', limitInputPixels: pixelsMax })
    .timeout({ seconds: DECODE_SECONDS_MAX })
    .autoOrient();

async function encoded(from: Sharp, { sideMax }: PhotographsConfig): Promise<Buffer> {
  const picture = from
    .resize(sideMax, sideMax, { fit: 'inside', withoutEnlargement: true })
    .removeAlpha()
    .toColourspace('srgb');
  let jpeg = Buffer.alloc(0);
  for (const quality of QUALITIES) {
    jpeg = await picture.clone().jpeg({ quality, chromaSubsampling: '4:4:4' }).toBuffer();
    if (jpeg.length <= IMAGE_BYTES_MAX) break;
  }
  return jpeg;
}
