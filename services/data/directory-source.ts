/**
 * A data source over a folder: one folder per person, named by its label, images inside and in folders below. A sample's
 * id is its path within the folder: `label/file`. A file `<image>.json` beside an image, such as `1.png.json`, may name its
 * tags: {"tags": ["light: left"]}. people-folder.ts finds the images.
 */
import { PHOTOGRAPHS_DEFAULT, type PhotographsConfig } from '../../contracts/configuration/sources.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { findPeople, type FoundFile } from './people-folder.ts';
import { ANSWER_MS_MAX, readFirst, Unavailable, whyOf } from './read-file.ts';
import { tagsIn } from './sidecar.ts';
import type { DataSource, SourceItem } from './strategy.ts';

export interface DirectorySourceOptions {
  readonly name: string;
  readonly path: string;
  readonly photographs?: Pick<PhotographsConfig, 'bytesMax'> | undefined;
}

/**
 * So many files that do not answer end the reading: their mount is away, each costs its whole time, and the threads that
 * wait for them never come back.
 */
const LATE_MAX = 3;

/** Throws SOURCE_UNREACHABLE, not retryable if the folder is missing: it stays so until somebody acts. */
export function createDirectorySource(options: DirectorySourceOptions): DataSource {
  return { name: options.name, type: 'directory', samples: (signal) => readItems(options, signal) };
}

async function* readItems(options: DirectorySourceOptions, signal: AbortSignal): AsyncGenerator<SourceItem> {
  const { people, faults, passedOver } = await findIn(options, signal);
  yield { passedOver };
  const total = faults.length + people.reduce((sum, { files }) => sum + files.length, 0);
  const { bytesMax } = options.photographs ?? PHOTOGRAPHS_DEFAULT;
  let late = 0;
  for (const fault of faults) {
    signal.throwIfAborted();
    yield { ...fault, total };
  }
  for (const { label, files } of people) {
    for (const file of files) {
      signal.throwIfAborted();
      const item = await read(file, label, bytesMax);
      if ('isLate' in item && item.isLate && ++late === LATE_MAX) throw away(options, file);
      yield { ...item, total };
    }
  }
}

async function findIn(options: DirectorySourceOptions, signal: AbortSignal) {
  try {
    return await findPeople(options.path, signal);
  } catch (cause) {
    if (!(cause instanceof Unavailable)) throw cause;
    const why = `${cause.message}; it must be a folder with one readable folder per person`;
    throw unreachable(options, why, { cause, retryable: cause.isLate });
  }
}

type Read = Exclude<SourceItem, { readonly passedOver: unknown }> & { readonly isLate?: boolean };

async function read({ id, path }: FoundFile, label: string, bytesMax: number): Promise<Read> {
  try {
    // One byte more than is accepted: enough for a huge file to be refused, without holding it.
    const bytes = await readFirst(path, bytesMax + 1);
    const tags = await readTags(`${path}.json`);
    if (tags !== null) return { id, label, bytes, tags };
    const why = 'does not hold the tags of its image, such as {"tags": ["light: left"]}';
    return { id, label, fault: 'invalid-tags', message: `${id}: ${id}.json ${why}` };
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return { id, label, fault: 'unavailable', message: `${id}: ${whyOf(id, error)}`, isLate: error.isLate };
  }
}

/** Twenty tags take two thousand bytes. */
const SIDECAR_BYTES_MAX = 64 * 1024;

/** Null if the file is there and holds none: somebody meant to say something. */
async function readTags(path: string): Promise<string[] | null> {
  const bytes = await readIfThere(path);
  return bytes === null ? [] : tagsIn(bytes);
}

async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFirst(path, SIDECAR_BYTES_MAX);
  } catch (error) {
    const { cause } = error as Unavailable;
    if ((cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return null;
    throw error;
  }
}

const away = (options: DirectorySourceOptions, { id }: FoundFile) =>
  unreachable(
    options,
    `${LATE_MAX} files did not answer within ${ANSWER_MS_MAX / 1000} s, the last ${id}; is its mount away?`,
    {
      retryable: true,
    },
  );

const unreachable = (
  { name, path }: DirectorySourceOptions,
  why: string,
  options: { cause?: unknown; retryable: boolean },
) => new PipelineError('SOURCE_UNREACHABLE', `source "${name}" at ${path}: ${why}`, options);
