/**
 * Notices that nats-server could not write to its disk. A stream whose write failed once takes no more messages until
 * the server is started anew (measured with 2.14), also when there is room again; so this tells when a start may help.
 * Called by server.ts for the embedded server; a server of the operator's own is restarted by its operator.
 */
import { open, stat, statfs } from 'node:fs/promises';
import type { Logger } from '../../runtime/logger.ts';

export interface DiskWatchOptions {
  readonly storeDir: string;
  readonly logPath: string;
  /** The disk has room again. */
  readonly onRoom: () => void;
  readonly log: Logger;
}

export interface DiskWatch {
  stop(): void;
}

const LOOK_EVERY_MS = 1_000;
/** Some nights' messages: with less, the server would be full again at once. */
const ROOM_BYTES_MIN = 16 * 1024 * 1024;
/** A line that nats-server writes into its log when a stream takes no more. */
const WRITE_FAILED = /critical write error|no space left on device/i;
/** More than a server writes in a second; of a longer piece the end says enough. */
const READ_BYTES_MAX = 256 * 1024;

export function watchDisk({ storeDir, logPath, onRoom, log }: DiskWatchOptions): DiskWatch {
  let seenBytes: number | null = null;
  let isFull = false;
  const look = async () => {
    const { size } = await stat(logPath);
    // Lines from before the first look are an earlier server's; a shorter file is a new one.
    const from = seenBytes === null ? size : size < seenBytes ? 0 : seenBytes;
    seenBytes = size;
    if (!isFull && WRITE_FAILED.test(await readEnd(logPath, from, size))) {
      isFull = true;
      log.error({ storeDir, log: logPath }, 'nats-server cannot write to its disk; free some space, nothing is lost');
    }
    if (!isFull || (await freeBytes(storeDir)) < ROOM_BYTES_MIN) return;
    isFull = false;
    log.warn({ storeDir }, 'the disk of nats-server has room again; starting it anew');
    onRoom();
  };
  const timer = setInterval(() => {
    look().catch((err: unknown) => log.warn({ err, storeDir }, 'the disk of nats-server could not be looked at'));
  }, LOOK_EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

async function readEnd(path: string, from: number, to: number): Promise<string> {
  const length = Math.min(to - from, READ_BYTES_MAX);
  if (length === 0) return '';
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, to - length);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
