/**
 * Finds the part of the pictures that a net recognises people by best: pretrained nets want faces cut as their own
 * pictures were, and a few pixels decide more than the choice of the net. Tries zooms about the middle, then shifts, on a
 * sample of the enrolled images. Called by import.ts.
 */
import { readFile } from 'node:fs/promises';
import { Tensor } from 'onnxruntime-node';
import { FOREIGN_MODEL_LIMITS } from '../../../contracts/configuration/training.ts';
import type { ImageSpec } from '../../../contracts/dataset.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { listPeople } from '../../data/people-folder.ts';
import { decodeImage } from '../../data/images.ts';
import { tarAtFar } from '../../verification/metrics.ts';
import { openWalled, type ModelSession } from '../walled/walled-session.ts';
import { CROP_INPUT, regionOf, WHOLE, type Crop } from './assemble.ts';

export interface Tried {
  readonly crop: Crop;
  /** Share of images whose most similar other image is of the same person. */
  readonly rank1: number;
  /** True accept rate over all pairs at a false accept rate of FAR. */
  readonly tar: number;
}

export interface CropSearch {
  readonly people: number;
  readonly images: number;
  /** In the order in which they were tried. */
  readonly tried: readonly Tried[];
  readonly best: Tried;
}

export interface Sample {
  readonly spec: ImageSpec;
  readonly images: readonly { readonly pixels: Uint8Array; readonly person: number }[];
  readonly people: number;
}

export const FAR = 1e-2;
/** Of each person: two make a pair, four make six. */
const IMAGES_PER_PERSON = 4;
/** Half a standard error of the rate with the pairs of a usual sample: all crops are judged by the same ones. */
const TAR_MARGIN = 0.01;
const RUN_IMAGES_MAX = 16;
/** Sides as shares of the picture's. Beyond 1 the picture is smaller than the net's input, its edge going on around. */
const ZOOMS = [1.35, 1.2, 1.1, 1, 0.94, 0.88, 0.82, 0.76, 0.7, 0.62, 0.54] as const;
/** Down the picture, and then across, as shares of its side. */
const SHIFTS = [-0.06, -0.03, 0.03, 0.06] as const;
const SIDEWAYS = [-0.03, 0.03] as const;
/** How many crops are tried in all. */
export const CROPS_TRIED = ZOOMS.length + SHIFTS.length + SIDEWAYS.length;

/** Images evenly taken from people evenly taken. Throws DATASET_TOO_SMALL, SOURCE_UNREACHABLE, or what decoding throws. */
export async function sampleOf(folder: string, spec: ImageSpec, imagesMax: number): Promise<Sample> {
  const listed = await listPeople(folder).catch((cause) => {
    throw new PipelineError('SOURCE_UNREACHABLE', `backbone: ${folder}: ${(cause as Error).message}`, { cause });
  });
  const usable = listed.filter(({ files }) => files.length >= 2);
  if (usable.length < 2) {
    const found = `${listed.length} folders, ${usable.length} of them with two images`;
    const advice = 'at least two people with two images each are needed, one folder per person';
    throw new PipelineError('DATASET_TOO_SMALL', `backbone: ${folder}: ${found}; ${advice}`);
  }
  const people = evenly(usable, Math.max(2, Math.floor(imagesMax / IMAGES_PER_PERSON)));
  const images: Sample['images'][number][] = [];
  for (const [person, { files }] of people.entries())
    for (const file of evenly<string>(files, IMAGES_PER_PERSON))
      images.push({ pixels: await decodeImage(await readFile(file), spec, file), person });
  return { spec, images, people: people.length };
}

/** `model`: assemble's with an open crop. `onImages` hears how many images have passed it, of CROPS_TRIED times all. */
export async function searchCrop(
  model: Uint8Array,
  sample: Sample,
  onImages: (done: number) => void = () => {},
): Promise<CropSearch> {
  const session = await openWalled(model, { limits: FOREIGN_MODEL_LIMITS });
  const tried: Tried[] = [];
  let done = 0;
  const advance = (images: number) => onImages((done += images));
  const tryAll = async (crops: readonly Crop[]) => {
    for (const crop of crops) tried.push({ crop, ...judge(await embed(session, sample, crop, advance), sample) });
    return choose(tried);
  };
  try {
    const zoomed = await tryAll(ZOOMS.map((side) => centred(side)));
    const raised = await tryAll(SHIFTS.map((y) => shifted(zoomed.crop, 0, y)));
    const best = await tryAll(SIDEWAYS.map((x) => shifted(raised.crop, x, 0)));
    return { people: sample.people, images: sample.images.length, tried, best };
  } finally {
    await session.release();
  }
}

/** Pairs tell more than the nearest image, which most nets find. Of crops as good as the best the plainest is taken. */
function choose(tried: readonly Tried[]): Tried {
  const best = Math.max(...tried.map(({ tar }) => tar));
  const good = tried.filter(({ tar }) => tar >= best - TAR_MARGIN);
  return good.reduce((plainest, it) => (changeOf(it.crop) < changeOf(plainest.crop) ? it : plainest));
}

/** How far a crop is from the whole picture. */
const changeOf = ({ left, top, width, height }: Crop): number =>
  Math.abs(Math.log(width)) + Math.abs(left + width / 2 - 0.5) + Math.abs(top + height / 2 - 0.5);

const centred = (side: number): Crop =>
  side === 1 ? WHOLE : { left: (1 - side) / 2, top: (1 - side) / 2, width: side, height: side };
const shifted = (crop: Crop, x: number, y: number): Crop => ({ ...crop, left: crop.left + x, top: crop.top + y });

/** At most `count`, from the whole list. */
function evenly<T>(list: readonly T[], count: number): T[] {
  if (list.length <= count) return [...list];
  return Array.from({ length: count }, (_, at) => list[Math.floor((at * list.length) / count)]!);
}

/** Rows of length 1. */
async function embed(
  session: ModelSession,
  { spec, images }: Sample,
  crop: Crop,
  onImages: (count: number) => void,
): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  const region = new Tensor('float32', regionOf(crop), [4]);
  for (let from = 0; from < images.length; from += RUN_IMAGES_MAX) {
    const chunk = images.slice(from, from + RUN_IMAGES_MAX);
    const pixels = Float32Array.from(Buffer.concat(chunk.map((image) => image.pixels)));
    const tensor = new Tensor('float32', pixels, [chunk.length, spec.channels, spec.height, spec.width]);
    const { features } = await session.run({ images: tensor, [CROP_INPUT]: region }, ['features']);
    const values = features!.data as Float32Array; // assemble declares it float32
    const size = values.length / chunk.length;
    for (let at = 0; at < chunk.length; at++) rows.push(unit(values.subarray(at * size, (at + 1) * size)));
    onImages(chunk.length);
  }
  return rows;
}

function unit(row: Float32Array): Float32Array {
  const length = Math.hypot(...row) || 1;
  return row.map((value) => value / length);
}

function judge(rows: readonly Float32Array[], { images }: Sample): Omit<Tried, 'crop'> {
  const [genuine, impostor]: [number[], number[]] = [[], []];
  const nearest = rows.map(() => ({ score: -Infinity, person: -1 }));
  for (let a = 0; a < rows.length; a++) {
    for (let b = a + 1; b < rows.length; b++) {
      const score = dot(rows[a]!, rows[b]!);
      const [one, other] = [images[a]!.person, images[b]!.person];
      (one === other ? genuine : impostor).push(score);
      if (score > nearest[a]!.score) nearest[a] = { score, person: other };
      if (score > nearest[b]!.score) nearest[b] = { score, person: one };
    }
  }
  const right = nearest.filter(({ person }, at) => person === images[at]!.person).length;
  const { tar } = tarAtFar(Float32Array.from(genuine), Float32Array.from(impostor), FAR);
  return { rank1: right / rows.length, tar };
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!;
  return sum;
}
