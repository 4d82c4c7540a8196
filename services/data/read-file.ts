/**
 * Reads a file that somebody else put there: never more of it than is wanted, only if it is a file, and not for ever. A
 * named pipe would wait for a writer, a mount whose server is away for its server. Called by people-folder.ts and
 * directory-source.ts.
 */
import { constants, open, type FileHandle } from 'node:fs/promises';
import type { Stats } from 'node:fs';

/** For one call to the file system. A disk that spins up takes ten seconds. */
export const ANSWER_MS_MAX = 20_000;

/** An item that cannot be had; the message says why, without its path. */
export class Unavailable extends Error {
  /** Nobody answered: more of these will come. */
  readonly isLate: boolean;

  constructor(message: string, { isLate = false, cause }: { isLate?: boolean; cause?: unknown } = {}) {
    super(message, { cause });
    this.isLate = isLate;
  }
}

/** The same for people who see its name, in which other bytes than UTF-8 became U+FFFD: so it is found by nobody. */
export const whyOf = (name: string, { message, cause }: Unavailable): string =>
  (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT' && name.includes('\uFFFD')
    ? 'its name is not written in UTF-8'
    : message;

/** The first `bytesMax` bytes, or all if there are fewer. Throws Unavailable. */
export function readFirst(path: string, bytesMax: number): Promise<Buffer> {
  return inTime(readAtOnce(path, bytesMax));
}

/** Throws Unavailable if nothing comes within the time, or the work fails. The work itself cannot be ended. */
export async function inTime<T>(work: Promise<T>, ms = ANSWER_MS_MAX): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const why = `no answer of the file system within ${ms / 1000} s`;
    timer = setTimeout(() => reject(new Unavailable(why, { isLate: true })), ms);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    throw error instanceof Unavailable
      ? error
      : new Unavailable(reasonOf(error as NodeJS.ErrnoException), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function readAtOnce(path: string, bytesMax: number): Promise<Buffer> {
  // Without O_NONBLOCK a pipe that nobody writes to is never opened. Files do not mind.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Unavailable(`${kindOf(stats)}, no file`);
    return await readUpTo(file, Math.min(stats.size, bytesMax));
  } finally {
    await file.close();
  }
}

async function readUpTo(file: FileHandle, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  let at = 0;
  while (at < bytes) {
    const { bytesRead } = await file.read(buffer, at, bytes - at, at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return buffer.subarray(0, at);
}

/** Also of an entry of a folder, which has the same questions. */
export function kindOf(
  entry: Pick<Stats, 'isFIFO' | 'isSocket' | 'isDirectory' | 'isBlockDevice' | 'isCharacterDevice'>,
): string {
  if (entry.isFIFO()) return 'a named pipe';
  if (entry.isSocket()) return 'a socket';
  if (entry.isDirectory()) return 'a folder';
  return entry.isBlockDevice() || entry.isCharacterDevice() ? 'a device' : 'something of unknown kind';
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it is gone, or a link to nothing',
  EACCES: 'no permission to read it',
  EPERM: 'no permission to read it',
  ELOOP: 'a link that leads to itself',
  ENXIO: 'a socket, no file',
};

const reasonOf = ({ code = '', message }: NodeJS.ErrnoException) =>
  REASONS[code] ?? message.replace(/,? \w+ '.*'$/, '');
