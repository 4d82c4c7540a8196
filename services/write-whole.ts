/** Writes a file that an operator asked for: one that is cut off by a full disk never has the name. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { PipelineError } from '../contracts/errors.ts';

/** Throws CONFIG_INVALID; `command` names the asker in the message. */
export async function writeWhole(command: string, out: string, file: Uint8Array): Promise<void> {
  const partial = `${out}.${process.pid}`;
  try {
    await writeFile(partial, file);
    await rename(partial, out);
  } catch (cause) {
    await rm(partial, { force: true });
    const why = (cause as Error).message;
    throw new PipelineError('CONFIG_INVALID', `${command}: ${out} cannot be written: ${why}`, { cause });
  }
}
