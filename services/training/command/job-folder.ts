/**
 * The folder through which an outside program gets its job: job.json, the images as PNG files in one folder per person,
 * an output folder. docs/training-command.md describes it. Called by command.ts, which removes it afterwards.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mapInOrder } from '../../../runtime/bounded.ts';
import { openImages } from '../../data/image-reader.ts';
import type { TrainingImages } from '../../data/strategy.ts';
import { encodePng } from '../../data/images.ts';
import type { TrainingJob } from '../strategy.ts';

export interface JobFolder {
  /** The file that the program is told. */
  readonly job: string;
  readonly output: string;
  readonly model: string;
}

const FORMAT = 'nightshift.command/1';
/** PNG files written at once. */
const WRITES_MAX = 8;
/** Of folder and file names, so that they sort like the numbers. */
const DIGITS = { person: 5, image: 8 } as const;

/** `checkpoint`: what an earlier attempt of the program saved. Throws the signal's reason between two images. */
export async function writeJobFolder(
  folder: string,
  job: TrainingJob,
  rest: { readonly checkpoint: Uint8Array | null; readonly maxDurationMs: number; readonly signal: AbortSignal },
): Promise<JobFolder> {
  const { runId, model, datasetDigest, train, validation } = job;
  const at = (name: string) => join(folder, name);
  const output = at('output');
  await mkdir(output);
  await writeImages(at('train'), train, rest.signal);
  if (validation !== null) await writeImages(at('validation'), validation, rest.signal);
  if (rest.checkpoint !== null) await writeFile(at('checkpoint'), rest.checkpoint);
  const description = {
    format: FORMAT,
    runId,
    model,
    datasetDigest,
    image: train.spec,
    labels: train.labels,
    images: { train: train.count, validation: validation?.count ?? 0 },
    config: job.config,
    seed: job.config.seed,
    maxDurationMs: Math.max(0, Math.round(rest.maxDurationMs)),
    paths: {
      train: at('train'),
      validation: validation && at('validation'),
      checkpoint: rest.checkpoint && at('checkpoint'),
      output,
      model: join(output, 'model.onnx'),
    },
  };
  await writeFile(at('job.json'), JSON.stringify(description, null, 2));
  return { job: at('job.json'), output, model: description.paths.model };
}

async function writeImages(folder: string, set: TrainingImages, signal: AbortSignal): Promise<void> {
  const folderOf = (person: number) => join(folder, String(person).padStart(DIGITS.person, '0'));
  await mkdir(folder);
  for (const person of new Set(set.classes)) await mkdir(folderOf(person));
  const size = set.spec.channels * set.spec.height * set.spec.width;
  const reader = openImages(set);
  const write = async (index: number) => {
    const pixels = new Uint8Array(size);
    await reader.read(Int32Array.of(index), pixels);
    const png = await encodePng(pixels, set.spec);
    await writeFile(join(folderOf(set.classes[index]!), `${String(index).padStart(DIGITS.image, '0')}.png`), png);
  };
  try {
    for await (const _ of mapInOrder(Array(set.count).keys(), WRITES_MAX, write)) signal.throwIfAborted();
  } finally {
    reader.close();
  }
}
