/**
 * Answers of a source, kept on the collector's disk from night to night with the words by which the service knows them
 * again (an ETag), so that what is unchanged is not transferred again; and so that an attempt goes on where the one
 * before failed. Images of people lie in it: files are for their owner alone, hold nobody who is forgotten, and what a
 * whole reading did not touch is removed after it. Called by the sources that transfer anything.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

export interface Kept {
  /** As the service named this state of it. */
  readonly version: string;
  readonly body: Buffer;
}

export interface SourceCache {
  /** Null if there is nothing, or nothing whole. */
  find(key: string): Promise<Kept | null>;
  /** `people`: the labels of all whose images or names are in the body. */
  keep(key: string, kept: Kept, people: readonly string[]): Promise<void>;
  /** Ends a reading that was whole: removes what it neither found nor kept. */
  sweep(): Promise<void>;
}

export interface SourceCacheOptions {
  readonly folder: string;
  /** Tells this source from all others: its kind, name and address. No secret belongs into it. */
  readonly source: string;
  readonly bytesMax: number;
  readonly isForgotten: (label: string) => boolean;
}

/** A source that nobody has read for so long has left the configuration. */
const UNUSED_DAYS_MAX = 30;
const DAY_MS = 24 * 3600_000;
const HeaderSchema = z.object({ version: z.string(), people: z.array(z.string()), digest: z.string() });
const NEW_LINE = 0x0a;

/** Throws the error of the file system if the folder cannot be written. */
export async function openSourceCache(options: SourceCacheOptions): Promise<SourceCache> {
  const { isForgotten, bytesMax } = options;
  const folder = join(options.folder, hashOf(options.source));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await removeUnused(options.folder, Date.now());
  await utimes(folder, new Date(), new Date());
  const touched = new Set<string>();
  let bytes = await sizeOf(folder);
  return {
    find: async (key) => {
      const file = hashOf(key);
      touched.add(file);
      return (await readKept(join(folder, file)))?.kept ?? null;
    },
    keep: async (key, { version, body }, people) => {
      const file = hashOf(key);
      if (people.some(isForgotten) || bytes + body.length > bytesMax) {
        await rm(join(folder, file), { force: true });
        return;
      }
      touched.add(file);
      bytes += body.length;
      const header = { version, people: [...new Set(people)], digest: hashOf(body) };
      await writeWhole(join(folder, file), Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), body]));
    },
    sweep: async () => {
      for (const file of await readdir(folder)) if (!touched.has(file)) await rm(join(folder, file), { force: true });
    },
  };
}

export interface ForgottenAnswers {
  readonly files: number;
  readonly removed: number;
}

/** Removes each answer that holds one of these people; all of it, the next reading fetches the others again. */
export async function forgetAnswers(
  root: string,
  isPerson: (label: string) => boolean,
  { isDry }: { readonly isDry: boolean },
): Promise<ForgottenAnswers> {
  let [files, removed] = [0, 0];
  for (const folder of await namesIn(root)) {
    for (const file of await namesIn(join(root, folder))) {
      const path = join(root, folder, file);
      files += 1;
      const found = await readKept(path);
      // What cannot be read may be anybody's.
      if (found && !found.people.some(isPerson)) continue;
      removed += 1;
      if (!isDry) await rm(path, { force: true });
    }
  }
  return { files, removed };
}

async function readKept(path: string): Promise<{ readonly kept: Kept; readonly people: readonly string[] } | null> {
  const bytes = await readFile(path).catch(nullIfAbsent);
  const end = bytes?.indexOf(NEW_LINE) ?? -1;
  if (!bytes || end === -1) return null;
  const header = HeaderSchema.safeParse(parsed(bytes.toString('utf8', 0, end))).data;
  const body = bytes.subarray(end + 1);
  if (!header || hashOf(body) !== header.digest) return null;
  return { kept: { version: header.version, body }, people: header.people };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function writeWhole(path: string, bytes: Buffer): Promise<void> {
  const partial = `${path}.${randomUUID()}`;
  try {
    await writeFile(partial, bytes, { mode: 0o600 });
    await rename(partial, path);
  } finally {
    await rm(partial, { force: true });
  }
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const file of await readdir(folder)) bytes += (await stat(join(folder, file)).catch(nullIfAbsent))?.size ?? 0;
  return bytes;
}

async function removeUnused(root: string, now: number): Promise<void> {
  for (const name of await namesIn(root)) {
    const found = await stat(join(root, name)).catch(nullIfAbsent);
    const isUnused = found !== null && now - found.mtimeMs > UNUSED_DAYS_MAX * DAY_MS;
    if (isUnused) await rm(join(root, name), { recursive: true, force: true });
  }
}

const namesIn = async (folder: string): Promise<string[]> => (await readdir(folder).catch(nullIfAbsent)) ?? [];

/** Another collector may have removed it meanwhile. */
function nullIfAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

const hashOf = (what: string | Buffer) => createHash('sha256').update(what).digest('hex');
