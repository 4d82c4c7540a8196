/**
 * What finding the face is worth: a folder of people as it is, and as photographs made of it, each without and with the
 * stage, embedded by a backbone or by plain pixels. Images are compared with all others. Called by run.ts; docs/faces.md
 * has the figures.
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import Table from 'cli-table3';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { FaceSettingsSchema, type FaceSettings } from '../../contracts/configuration/faces.ts';
import type { ImageSpec } from '../../contracts/dataset.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { mapInOrder } from '../../runtime/bounded.ts';
import { listPeople } from '../../services/data/people-folder.ts';
import { openFaces, type Faces } from '../../services/data/faces/face-threads.ts';
import { withSettings } from '../../services/data/faces/file.ts';
import { prepareImage } from '../../services/data/faces/prepare.ts';
import { verifyPairs } from '../support/comparison.ts';
import { sceneOf } from './scenes.ts';
import { worstCases, type WorstCase } from './worst.ts';

export interface FacesBenchOptions {
  /** One folder per person. */
  readonly dataFolder: string;
  readonly detectorFile: string;
  /** ONNX that takes pictures of whole; null: plain pixels. */
  readonly backboneFile: string | null;
  /** The same net for pictures that were cut out; null: the same file. */
  readonly facesBackboneFile: string | null;
  /** At most so many images of each person. */
  readonly perPerson: number;
  /** Pictures of which worst inputs are made; 0: none. */
  readonly worst: number;
  readonly json: boolean;
}

interface Line {
  readonly pictures: 'as they are' | 'photographs';
  readonly faces: boolean;
  /** Share of pictures that were not refused. */
  readonly taken: number;
  /** Share of those whose most similar other picture is of the same person. */
  readonly rank1: number;
  /** True accept rate at a false accept rate of 1 %, over all pairs. */
  readonly tar: number;
}

interface Picture {
  readonly person: number;
  readonly bytes: Uint8Array;
}

const SPEC: ImageSpec = { width: 112, height: 112, channels: 3 };
const PIXELS_SPEC: ImageSpec = { width: 32, height: 32, channels: 1 };
const CHUNK = 16;

export async function runFacesBench(options: FacesBenchOptions): Promise<readonly Line[]> {
  const settings = FaceSettingsSchema.parse({});
  const pictures = await load(options);
  const scenes = await all(pictures, async ({ person, bytes }, at) => ({
    person,
    bytes: await sceneOf(bytes, at + 1),
  }));
  const faces = await open(options.detectorFile, settings);
  try {
    const lines: Line[] = [];
    for (const [name, set] of [
      ['as they are', pictures],
      ['photographs', scenes],
    ] as const) {
      const cut = await prepare(set, faces, options);
      // The same pictures without and with it, so that refusing the hard ones is no advantage.
      const kept = set.filter((_, at) => cut[at] !== null);
      const whole = await prepare(kept, null, options);
      const base = { pictures: name, taken: kept.length / set.length };
      const people = kept.map(({ person }) => person);
      lines.push({ ...base, faces: false, ...(await judge(whole, people, options.backboneFile)) });
      const found = cut.filter((pixels) => pixels !== null);
      lines.push({
        ...base,
        faces: true,
        ...(await judge(found, people, options.facesBackboneFile ?? options.backboneFile)),
      });
    }
    const step = Math.max(1, Math.floor(pictures.length / Math.max(1, options.worst)));
    const some = pictures.filter((_, at) => at % step === 0).slice(0, options.worst);
    const worst =
      some.length === 0
        ? []
        : await worstCases(
            some.map(({ bytes }) => bytes),
            faces,
            SPEC,
          );
    print(options, pictures.length, lines, worst);
    return lines;
  } finally {
    await faces.close();
  }
}

async function load({ dataFolder, perPerson }: FacesBenchOptions): Promise<Picture[]> {
  const pictures: Picture[] = [];
  for (const [person, { files }] of (await listPeople(dataFolder)).entries())
    for (const file of files.slice(0, perPerson)) pictures.push({ person, bytes: await readFile(file) });
  return pictures;
}

async function open(detector: string, settings: FaceSettings): Promise<Faces> {
  return openFaces(withSettings(await readFile(detector), settings, detector), availableParallelism());
}

/** Null for a picture that is refused. */
function prepare(
  pictures: readonly Picture[],
  faces: Faces | null,
  { backboneFile }: FacesBenchOptions,
): Promise<(Uint8Array | null)[]> {
  const spec = backboneFile === null ? PIXELS_SPEC : SPEC;
  return all(pictures, ({ bytes }) =>
    prepareImage(bytes, spec, faces, 'picture').catch((error) => {
      if (error instanceof PipelineError && error.code.startsWith('FACE')) return null;
      throw error;
    }),
  );
}

async function all<Item, Result>(items: readonly Item[], work: (item: Item, at: number) => Promise<Result>) {
  const results: Result[] = [];
  for await (const result of mapInOrder(items.entries(), CHUNK, ([at, item]) => work(item, at))) results.push(result);
  return results;
}

async function judge(pixels: readonly (Uint8Array | null)[], people: readonly number[], backbone: string | null) {
  const pictures = pixels.filter((picture) => picture !== null);
  const rows = backbone === null ? pictures.map(centred) : await featuresOf(pictures, backbone);
  const [dimensions, count] = [rows[0]!.length, rows.length];
  const joined = new Float32Array(count * dimensions);
  rows.forEach((row, at) => joined.set(unit(row), at * dimensions));
  const labels = [...new Set(people)].map(String);
  const images = { classes: Int32Array.from(people), labels, count };
  return { rank1: nearestShare(joined, dimensions, people), tar: verifyPairs({ rows: joined, images }).tar1e2 };
}

async function featuresOf(pictures: readonly Uint8Array[], backbone: string): Promise<Float32Array[]> {
  const session = await InferenceSession.create(backbone);
  const rows: Float32Array[] = [];
  for (let from = 0; from < pictures.length; from += CHUNK) {
    const chunk = pictures.slice(from, from + CHUNK);
    const dims = [chunk.length, SPEC.channels, SPEC.height, SPEC.width];
    const { features } = await session.run({
      images: new Tensor('float32', Float32Array.from(Buffer.concat(chunk)), dims),
    });
    const values = features!.data as Float32Array; // an imported backbone gives float32
    const size = values.length / chunk.length;
    for (let at = 0; at < chunk.length; at++) rows.push(values.slice(at * size, (at + 1) * size));
  }
  await session.release();
  return rows;
}

function centred(pixels: Uint8Array): Float32Array {
  const mean = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
  return Float32Array.from(pixels, (value) => value - mean);
}

function unit(row: Float32Array): Float32Array {
  const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)) || 1;
  return row.map((value) => value / length);
}

function nearestShare(rows: Float32Array, dimensions: number, people: readonly number[]): number {
  const right = people.filter((person, at) => {
    let [best, whose] = [-Infinity, -1];
    for (let other = 0; other < people.length; other++) {
      if (other === at) continue;
      let score = 0;
      for (let d = 0; d < dimensions; d++) score += rows[at * dimensions + d]! * rows[other * dimensions + d]!;
      if (score > best) [best, whose] = [score, people[other]!];
    }
    return whose === person;
  });
  return right.length / people.length;
}

function print(
  { json, backboneFile, perPerson }: FacesBenchOptions,
  pictures: number,
  lines: readonly Line[],
  worst: readonly WorstCase[],
): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ pictures, lines, worst })}\n`);
    return;
  }
  const table = new Table({ head: ['pictures', 'faces', 'taken', 'rank-1', 'TAR at FAR 1e-2'], style: { head: [] } });
  const share = (value: number) => `${(100 * value).toFixed(1)} %`;
  for (const line of lines)
    table.push([line.pictures, line.faces ? 'found' : 'whole', share(line.taken), share(line.rank1), share(line.tar)]);
  const by = backboneFile ?? 'plain pixels';
  process.stdout.write(`${pictures} pictures, at most ${perPerson} of a person, by ${by}:\n${table.toString()}\n`);
  for (const { name, outcomes } of worst) {
    const counts = Object.entries(outcomes).map(([outcome, count]) => `${outcome} ${count}`);
    process.stdout.write(`  ${name.padEnd(42)} ${counts.join(', ')}\n`);
  }
}
