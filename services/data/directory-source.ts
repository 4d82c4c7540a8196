/**
 * A data source over a folder: one folder per person, named by its label, images inside. Labels and files come in
 * natural order (`2.png` before `10.png`), so the order is the same on every machine. A sample's id is `label/file`. A file
 * `<image>.json` beside an image, such as `1.png.json`, may name its tags: {"tags": ["light: left"]}.
 */
import { open, readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.ts';
import { IMAGE_BYTES_MAX } from './images.ts';
import type { DataSource, SourceSample } from './strategy.ts';

export interface DirectorySourceOptions {
  readonly name: string;
  readonly path: string;
}

export interface PersonFolder {
  readonly label: string;
  /** Image paths. */
  readonly files: readonly string[];
}

/** Other files (notes, lists) are no samples. A file of such a name that cannot be decoded is quarantined, not passed over. */
const IMAGE_EXTENSIONS = new Set(['.png', '.jpg', '.jpeg', '.webp', '.avif', '.gif', '.tif', '.tiff', '.pgm', '.bmp']);

/** Throws SOURCE_UNREACHABLE, not retryable: a folder that is missing stays so until somebody acts. */
export function createDirectorySource(options: DirectorySourceOptions): DataSource {
  return { name: options.name, type: 'directory', samples: (signal) => readSamples(options, signal) };
}

/** The people of a folder and their images, in natural order. Throws the file system's error. */
export async function listPeople(path: string): Promise<PersonFolder[]> {
  const people: PersonFolder[] = [];
  for (const label of (await readdir(path)).sort(naturally)) {
    // stat follows links, so a linked person's folder counts.
    if (!label.startsWith('.') && (await stat(join(path, label))).isDirectory())
      people.push({ label, files: await listImages(join(path, label)) });
  }
  return people;
}

async function* readSamples(options: DirectorySourceOptions, signal: AbortSignal): AsyncGenerator<SourceSample> {
  const people = await reporting(options, () => listPeople(options.path));
  const total = people.reduce((sum, { files }) => sum + files.length, 0);
  for (const { label, files } of people) {
    for (const file of files) {
      signal.throwIfAborted();
      const bytes = await reporting(options, () => readHead(file));
      yield { id: `${label}/${basename(file)}`, label, bytes, tags: await readTags(options, `${file}.json`), total };
    }
  }
}

async function listImages(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const images = entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'));
  const names = images.map(({ name }) => name).filter((name) => IMAGE_EXTENSIONS.has(extname(name).toLowerCase()));
  return names.sort(naturally).map((name) => join(folder, name));
}

/** One byte more than is accepted: enough for the decoder to refuse a huge file, without holding it. */
async function readHead(path: string, bytesMax = IMAGE_BYTES_MAX): Promise<Buffer> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(size, bytesMax + 1));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

const SidecarSchema = z.object({ tags: z.array(z.string()).default([]) });
/** Twenty tags take two thousand bytes. */
const SIDECAR_BYTES_MAX = 64 * 1024;

/** Throws SOURCE_INVALID for a file that does not hold tags: somebody meant to say something. */
async function readTags(options: DirectorySourceOptions, path: string): Promise<string[]> {
  const text = await reporting(options, () => readIfThere(path));
  if (text === null) return [];
  try {
    return SidecarSchema.parse(JSON.parse(text)).tags;
  } catch (cause) {
    const why = 'it lies beside an image, so it must hold its tags: {"tags": ["light: left"]}';
    throw new PipelineError('SOURCE_INVALID', `source "${options.name}": ${path}: ${why}`, { cause });
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return (await readHead(path, SIDECAR_BYTES_MAX)).toString('utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function reporting<T>({ name, path }: DirectorySourceOptions, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const why = `${(cause as Error).message}; it must be a folder with one readable folder per person`;
    throw new PipelineError('SOURCE_UNREACHABLE', `source "${name}" at ${path}: ${why}`, { cause });
  }
}

// A fixed locale, and code units where it sees no difference: the same order on every machine.
const collator = new Intl.Collator('en', { numeric: true });
const naturally = (a: string, b: string) => collator.compare(a, b) || (a < b ? -1 : 1);
