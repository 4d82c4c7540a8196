/**
 * Image files to pixels: decode, turn as EXIF says, resize, grey or RGB; and back to PNG for shards. A photograph on its
 * way to a model goes through faces/prepare.ts, which calls this; z-normalisation is part of the model itself.
 */
import sharp, { type Sharp } from 'sharp';
import { PipelineError } from '../../contracts/errors.ts';
import type { ImageSpec } from '../../contracts/dataset.ts';
import { IMAGE_BYTES_MAX } from '../../contracts/inference.ts';
import { refusedFormat } from './image-format.ts';

// For the process: many small images, each decoded once. Remembering operations and splitting one image among threads
// took a third of the time (64 x 64 pixels: 1.1 ms of CPU time with both, 0.75 without).
sharp.cache(false);
sharp.concurrency(1);

/** Guards against decompression bombs: a small file that unpacks to gigabytes. */
export const PIXELS_MAX = 40_000_000;
/** Of work on one image, without its wait for a thread; looked at between parts of it. 40 million pixels take a second. */
const DECODE_SECONDS_MAX = 10;

const ADVICE = 'send a whole PNG, JPEG or WebP file';

/**
 * Pixels [channels, height, width], 0..255, stretched to the spec's size.
 * Throws IMAGE_TOO_LARGE or IMAGE_UNREADABLE, or MEMORY_FULL, retryable; `what` names the image in the message.
 */
export async function decodeImage(bytes: Uint8Array, spec: ImageSpec, what: string): Promise<Uint8Array> {
  return reading(bytes, what, async () => {
    const pipeline = open(bytes).autoOrient().resize(spec.width, spec.height, { fit: 'fill' }).removeAlpha();
    return planesOf(pipeline, spec);
  });
}

export interface Photograph {
  /** Red, green and blue of each pixel, row by row. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** Pixels of the file for one of these, along a side. */
  readonly shrunk: number;
}

/** In its own shape, its longer side at most `sideMax`. Throws as `decodeImage`. */
export function decodePhotograph(bytes: Uint8Array, sideMax: number, what: string): Promise<Photograph> {
  return reading(bytes, what, async () => {
    const { width: across, height: down } = await open(bytes).metadata();
    const { data, info } = await open(bytes)
      .autoOrient()
      .resize(sideMax, sideMax, { fit: 'inside', withoutEnlargement: true })
      .removeAlpha()
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    const shrunk = Math.max(across, down) / Math.max(width, height);
    return { data: info.channels === 1 ? tripled(data) : data, width, height, shrunk };
  });
}

/**
 * A picture as it is, upright: red, green and blue of each pixel. Pictures of more than `sideMax` are brought to it by way of
 * all their pixels, so that a file without loss gives the same in any format. Throws as `decodeImage`.
 */
export function decodeWhole(bytes: Uint8Array, sideMax: number, what: string): Promise<Omit<Photograph, 'shrunk'>> {
  return reading(bytes, what, async () => {
    const { width: across, height: down } = await open(bytes).metadata();
    // Decoders of JPEG and WebP shrink on their own, each in its way, unless the picture is first brought to a colour space.
    const whole = open(bytes).autoOrient().removeAlpha();
    const isLarge = Math.max(across, down) > sideMax;
    const small = isLarge ? whole.pipelineColourspace('srgb').resize(sideMax, sideMax, { fit: 'inside' }) : whole;
    const { data, info } = await small.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
    return { data: info.channels === 1 ? tripled(data) : data, width: info.width, height: info.height };
  });
}

/** Pixels as of a decoded photograph in the spec's channels: [channels, height, width]. The spec's size is theirs. */
export function toPlanes(data: Uint8Array, spec: ImageSpec): Promise<Uint8Array> {
  return planesOf(sharp(data, { raw: { width: spec.width, height: spec.height, channels: 3 } }), spec);
}

async function reading<T>(bytes: Uint8Array, what: string, work: () => Promise<T>): Promise<T> {
  if (bytes.length > IMAGE_BYTES_MAX) {
    throw new PipelineError(
      'IMAGE_TOO_LARGE',
      `${what}: ${bytes.length} bytes; at most ${IMAGE_BYTES_MAX} are accepted`,
    );
  }
  const refused = refusedFormat(bytes);
  if (refused !== null) throw new PipelineError('IMAGE_UNREADABLE', `${what}: ${refused}; ${ADVICE}`);
  try {
    return await work();
  } catch (cause) {
    if (/exceeds pixel limit/.test((cause as Error).message)) {
      throw new PipelineError('IMAGE_TOO_LARGE', `${what}: at most ${PIXELS_MAX} pixels are accepted`, { cause });
    }
    if (lacksMemory(cause as Error))
      throw new PipelineError('MEMORY_FULL', `${what}: ${MEMORY_WORDS}`, { retryable: true, cause });
    throw new PipelineError('IMAGE_UNREADABLE', `${what}: ${saidBy(cause as Error)}; ${ADVICE}`, { cause });
  }
}

/** In the words of libjpeg, libpng, libwebp and libvips. A progressive JPEG of 40 million pixels takes some 240 MB. */
export const lacksMemory = ({ message }: Error): boolean => /insufficient memory|out of memory/i.test(message);
export const MEMORY_WORDS = 'no memory was left to decode it; give the process more (supervisor.memoryMaxMiB)';

/** A decoder says one thing in many lines, or begins to say something. */
const saidBy = ({ message }: Error): string => message.split('\n', 1)[0]!.replace(/:?\s*$/, ''); // There is a first line.

/**
 * Standard deviation of the grey values below which a picture is blank. A black frame has 0, a covered lens whose sensor
 * is noisy at most 1 once it is resized, a wall with a shade of five grey levels 1.5. The evenest of 2,235 photographs of
 * faces has 15.9 at 64 pixels, 15.7 at 112, 9.8 at 8, so none is refused.
 */
export const BLANK_DEVIATION_MAX = 2;

/** Whether the picture is one even area. Grey values are the means of the channels; pixels as of `decodeImage`. */
export function isBlank(pixels: Uint8Array, { channels }: ImageSpec): boolean {
  const area = pixels.length / channels;
  let sum = 0;
  let squares = 0;
  for (let at = 0; at < area; at++) {
    let grey = 0;
    for (let channel = 0; channel < channels; channel++) grey += pixels[channel * area + at]!;
    grey /= channels;
    sum += grey;
    squares += grey * grey;
  }
  return squares / area - (sum / area) ** 2 < BLANK_DEVIATION_MAX ** 2;
}

/** Throws IMAGE_BLANK if nobody can be in the picture: enrolled, it would be the person whom every blank picture shows. */
export function refuseBlank(pixels: Uint8Array, spec: ImageSpec, what: string): void {
  if (!isBlank(pixels, spec)) return;
  throw new PipelineError('IMAGE_BLANK', `${what}: one even area, so nobody can be in it; send a photograph`);
}

/** Pixels that come ready: throws REQUEST_INVALID, saying what was expected, unless there is one byte for each value. */
export function checkPixels(bytes: Uint8Array, { channels, height, width }: ImageSpec, what: string): Uint8Array {
  const expected = channels * height * width;
  if (bytes.length === expected) return bytes;
  const form = `[${channels}, ${height}, ${width}] (channels, height, width; one byte each)`;
  throw new PipelineError(
    'REQUEST_INVALID',
    `${what}: ${bytes.length} bytes of pixels; ${expected} were expected: ${form}`,
  );
}

/** The same pixels as a PNG file, for shards. Lossless, so decoding it again gives these very pixels. */
export function encodePng(pixels: Uint8Array, spec: ImageSpec): Promise<Buffer> {
  const raw = { width: spec.width, height: spec.height, channels: spec.channels };
  const interleaved = spec.channels === 1 ? pixels : interleave(pixels, spec);
  return sharp(interleaved, { raw })
    .toColourspace(spec.channels === 1 ? 'b-w' : 'srgb')
    .png({ compressionLevel: 3 })
    .toBuffer();
}

// failOn 'truncated': a half-received file is refused instead of being half grey.
const open = (bytes: Uint8Array) =>
  sharp(bytes, { failOn: 'truncated', limitInputPixels: PIXELS_MAX }).timeout({ seconds: DECODE_SECONDS_MAX });

/** What the pipeline gives, in the spec's channels and form. It gives the spec's size. */
export async function planesOf(pipeline: Sharp, spec: ImageSpec): Promise<Uint8Array> {
  // Without toColourspace sharp answers three channels even for grey input.
  const { data, info } = await pipeline
    .toColourspace(spec.channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return info.channels === 1 ? data : planar(data, spec);
}

function tripled(grey: Uint8Array): Uint8Array {
  const out = new Uint8Array(3 * grey.length);
  for (let at = 0; at < grey.length; at++) out.fill(grey[at]!, 3 * at, 3 * at + 3);
  return out;
}

function planar(interleaved: Uint8Array, { width, height, channels }: ImageSpec): Uint8Array {
  const area = width * height;
  const out = new Uint8Array(area * channels);
  for (let i = 0; i < area; i++) for (let c = 0; c < channels; c++) out[c * area + i] = interleaved[i * channels + c]!;
  return out;
}

function interleave(planes: Uint8Array, { width, height, channels }: ImageSpec): Uint8Array {
  const area = width * height;
  const out = new Uint8Array(area * channels);
  for (let i = 0; i < area; i++) for (let c = 0; c < channels; c++) out[i * channels + c] = planes[c * area + i]!;
  return out;
}
