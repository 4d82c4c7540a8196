/**
 * The last deployment record of a model that this machine has obeyed, in a small local file: an older one is refused
 * after a restart as well, and a replica that finds no record in order goes on with this one. One for all replicas of
 * the model in a process.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DigestSchema } from '../../contracts/references.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Link } from '../../services/signing/seal.ts';

export interface Obeyed {
  readonly link: Link;
  /** As it was stored, its seal with it. */
  readonly record: string;
}

export interface ServedMemory {
  /** For people. */
  readonly path: string;
  /** Null if none was ever obeyed here, or the file cannot be read. */
  readonly last: () => Obeyed | null;
  /** Keeps the one with the higher number; writes it soon. */
  note(obeyed: Obeyed): void;
  /** Resolves when all is written. */
  finish(): Promise<void>;
}

const FileSchema = z.object({
  format: z.literal('nightshift.served/1'),
  link: z.object({ number: z.number().int().positive(), digest: DigestSchema }),
  record: z.string(),
});

export function openServedMemory(stateDir: string, model: string, log: Logger): ServedMemory {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const path = join(stateDir, `${model}.json`);
  let last = read(path, log);
  let writing: Promise<void> = Promise.resolve();
  const write = async () => {
    const partial = `${path}.${process.pid}`;
    try {
      await writeFile(partial, JSON.stringify({ format: 'nightshift.served/1', ...last }), { mode: 0o600 });
      await rename(partial, path);
    } catch (err) {
      log.error({ err, path }, 'replica: the record that it obeys could not be noted');
    }
  };
  return {
    path,
    last: () => last,
    note: (obeyed) => {
      if (last && last.link.number >= obeyed.link.number) return;
      last = obeyed;
      writing = writing.then(write);
    },
    finish: () => writing,
  };
}

/** A file that is damaged must not keep the machine out of service: the store may still have the record. */
function read(path: string, log: Logger): Obeyed | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const parsed = FileSchema.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  log.error({ path }, 'replica: ALARM: the note of the record that was obeyed last cannot be read');
  return null;
}

/** Text that is no JSON fits no schema. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
