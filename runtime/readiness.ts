/**
 * Notes of the processes of this machine on whether they can work: a small file each, written anew every two seconds, so that
 * a process that hangs falls silent. `nightshift ready` reads them; a container's healthcheck needs no login for that.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface Note {
  /** `start`, or the name of an actor. */
  readonly name: string;
  /** Tells the systems of one user and machine apart: the address of the server, or its store. */
  readonly system: string;
  readonly pid: number;
  /** What it needs and has not; empty if it can work. */
  readonly lacking: readonly string[];
  readonly atMs: number;
  /** Of the process alone, without its children. */
  readonly memoryBytes: number;
  /** So late, in 99 of 100 cases, was a turn of its event loop since the note before. */
  readonly loopDelayMs: number;
}

const WRITE_EVERY_MS = 2_000;
/** Four are missed: its event loop hangs, or it was killed. */
const SILENT_AFTER_MS = 8_000;
const FOLDER_MODE = 0o700;
/** Between two samples of the delay of the event loop. */
const LOOP_SAMPLES_MS = 20;

const folderOf = () => join(tmpdir(), `nightshift-ready-${process.getuid?.() ?? 0}`);

/** Writes at once and from then on; the returned function takes the note away. */
export function keepNote(
  name: string,
  system: string,
  look: () => readonly string[],
  everyMs = WRITE_EVERY_MS,
): () => void {
  const folder = folderOf();
  const file = join(folder, `${name}.${process.pid}.json`);
  const delays = monitorEventLoopDelay({ resolution: LOOP_SAMPLES_MS });
  delays.enable();
  const write = () => {
    const memoryBytes = process.memoryUsage.rss();
    // A histogram without samples answers NaN, or 0. It counts the interval of the samples as well.
    const loopDelayMs = Math.max(0, delays.percentile(99) / 1e6 - LOOP_SAMPLES_MS) || 0;
    delays.reset();
    const note: Note = {
      ...{ name, system, pid: process.pid, lacking: look() },
      ...{ atMs: Date.now(), memoryBytes, loopDelayMs },
    };
    mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
    writeFileSync(`${file}.new`, JSON.stringify(note));
    renameSync(`${file}.new`, file);
  };
  write();
  const writeAgain = () => {
    try {
      write();
    } catch {
      // A full disk is no reason to end an actor that works. Its note grows old, which `ready` reports.
    }
  };
  const timer = setInterval(writeAgain, everyMs);
  timer.unref();
  return () => {
    clearInterval(timer);
    delays.disable();
    rmSync(file, { force: true });
  };
}

/** Of the living processes of the system. Notes of those that are gone are removed. */
export function notesOf(system: string, nowMs = Date.now()): readonly Note[] {
  return filesIn(folderOf())
    .map((file) => readNote(file))
    .filter((note) => note !== null)
    .filter((note) => note.system === system)
    .map((note) => (nowMs - note.atMs > SILENT_AFTER_MS ? { ...note, lacking: ['a sign of life: it hangs'] } : note));
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => join(folder, name));
  } catch (error) {
    // No process has written one here yet.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Null for one that is gone, with its process or a moment ago. */
function readNote(file: string): Note | null {
  try {
    const note = JSON.parse(readFileSync(file, 'utf8')) as Note; // Written by us alone: the folder is ours.
    if (isThere(note.pid)) return note;
    rmSync(file, { force: true });
    return null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // The folder is of our own user, so it is not EPERM.
  }
}
