/**
 * Looks for the face in each picture of a folder and counts what a pipeline would refuse, so that an operator can choose
 * settings before a night runs with them. Writes the pictures as a model would see them, if wanted. Called by
 * `nightshift faces look`.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, extname, join } from 'node:path';
import type { FaceSettings } from '../../../contracts/configuration/faces.ts';
import type { ImageSpec } from '../../../contracts/dataset.ts';
import { PipelineError, type ErrorCode } from '../../../contracts/errors.ts';
import { mapInOrder } from '../../../runtime/bounded.ts';
import { listPeople } from '../people-folder.ts';
import { encodePng } from '../images.ts';
import { openFaces, type Faces } from './face-threads.ts';
import { withSettings } from './file.ts';
import type { FoundFace } from './stage.ts';

export interface LookOptions {
  /** One folder per person. */
  readonly folder: string;
  /** Path of an imported detector. */
  readonly detector: string;
  readonly settings: FaceSettings;
  readonly image: ImageSpec;
  /** Where the faces are written, one folder per person. */
  readonly crops?: string | undefined;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Spread {
  readonly least: number;
  readonly percent1: number;
  readonly percent5: number;
  readonly median: number;
  readonly most: number;
}

export interface LookReport {
  readonly pictures: number;
  readonly found: number;
  readonly refused: Readonly<Partial<Record<ErrorCode, number>>>;
  /** The first of each reason. */
  readonly examples: readonly string[];
  /** Of the faces that were found: side in pixels of the photograph, score and sharpness. Null if there is none. */
  readonly spread: Readonly<Record<'side' | 'score' | 'sharpness', Spread>> | null;
  /** One picture on one thread, decoding and cutting out included. */
  readonly pictureMs: number;
  readonly threads: number;
}

type Outcome = { readonly file: string } & ({ readonly found: FoundFace } | { readonly refusal: PipelineError });

/** Throws CONFIG_INVALID for a folder or a detector that is not there, MODEL_INVALID, or the file system's error. */
export async function lookForFaces(options: LookOptions): Promise<LookReport> {
  const { folder, detector, settings } = options;
  const people = await orInvalid(folder, listPeople(folder));
  const bytes = await orInvalid(detector, readFile(detector));
  const files = people.flatMap((person) => person.files);
  const threads = availableParallelism();
  const faces = await openFaces(withSettings(bytes, settings, detector), threads);
  const outcomes: Outcome[] = [];
  const began = performance.now();
  try {
    for await (const outcome of mapInOrder(files, 2 * threads, (file) => lookAt(faces, file, options))) {
      outcomes.push(outcome);
      options.onProgress?.(outcomes.length, files.length);
    }
  } finally {
    await faces.close();
  }
  const pictureMs = ((performance.now() - began) * Math.min(threads, files.length)) / files.length;
  return { ...summed(outcomes), pictureMs, threads };
}

async function lookAt(faces: Faces, file: string, { image, crops }: LookOptions): Promise<Outcome> {
  try {
    const found = await faces.find(await readFile(file), image, file);
    if (crops !== undefined) {
      const folder = join(crops, basename(dirname(file)));
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, `${basename(file, extname(file))}.png`), await encodePng(found.pixels, image));
    }
    return { file, found };
  } catch (error) {
    if (error instanceof PipelineError && REFUSALS.includes(error.code)) return { file, refusal: error };
    throw error;
  }
}

const REFUSALS: readonly ErrorCode[] = [
  ...(['IMAGE_UNREADABLE', 'IMAGE_TOO_LARGE', 'IMAGE_BLANK'] as const),
  ...(['FACE_NOT_FOUND', 'FACES_SEVERAL', 'FACE_TOO_SMALL', 'FACE_TOO_BLURRED'] as const),
];

function summed(outcomes: readonly Outcome[]): Omit<LookReport, 'pictureMs' | 'threads'> {
  const found = outcomes.flatMap((outcome) => ('found' in outcome ? [outcome.found.face] : []));
  const refusals = outcomes.flatMap((outcome) => ('refusal' in outcome ? [outcome.refusal] : []));
  const codes = [...new Set(refusals.map(({ code }) => code))];
  const spread = (of: keyof FoundFace['face']) => spreadOf(found.map((face) => face[of]));
  return {
    pictures: outcomes.length,
    found: found.length,
    refused: Object.fromEntries(codes.map((code) => [code, refusals.filter((it) => it.code === code).length])),
    examples: codes.map((code) => refusals.find((it) => it.code === code)!.message),
    spread:
      found.length === 0 ? null : { side: spread('side'), score: spread('score'), sharpness: spread('sharpness') },
  };
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return { least: at(0), percent1: at(0.01), percent5: at(0.05), median: at(0.5), most: at(1) };
}

async function orInvalid<T>(path: string, work: Promise<T>): Promise<T> {
  return work.catch((cause) => {
    throw new PipelineError('CONFIG_INVALID', `faces: ${path}: ${(cause as Error).message}`, { cause });
  });
}
