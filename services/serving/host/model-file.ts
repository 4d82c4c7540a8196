/**
 * A model's bytes as a private file, for as long as its host lives: its processes open it, the first one and each that
 * takes its place, without asking the object store again. Used by model-host.ts.
 */
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '../../../contracts/errors.ts';

export interface ModelFile {
  readonly path: string;
  remove(): Promise<void>;
}

/** The part of the file system that fails when the disk is full. */
type Write = (path: string, bytes: Uint8Array, options: { readonly mode: number }) => Promise<void>;
const DISK_IS_FULL = new Set(['ENOSPC', 'EDQUOT']);

/** Throws DISK_FULL (retryable: space may return), or another error of the file system. */
export async function writeModelFile(model: Uint8Array, folder: string, write: Write = writeFile): Promise<ModelFile> {
  const path = join(folder, `${randomUUID()}.onnx`);
  const remove = () => rm(path, { force: true });
  try {
    await write(path, model, { mode: 0o600 });
    return { path, remove };
  } catch (cause) {
    await remove();
    if (!DISK_IS_FULL.has((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
    const text = `model host: ${model.length} bytes of a model do not fit into ${folder}; make room or set TMPDIR`;
    throw new PipelineError('DISK_FULL', text, { retryable: true, cause });
  }
}
