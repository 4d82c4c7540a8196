/**
 * A model's bytes as a private file, for as long as its host lives: its processes open it, the first one and each that
 * takes its place, without asking the object store again. Used by model-host.ts.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PipelineError } from '../../contracts/errors.ts';

export interface ModelFile {
  readonly path: string;
  remove(): Promise<void>;
}

/** The part of the file system that fails when the disk is full. */
type Write = (path: string, bytes: Uint8Array, options: { readonly mode: number }) => Promise<void>;
const DISK_IS_FULL = new Set(['ENOSPC', 'EDQUOT']);

/** Throws DISK_FULL (retryable: space may return), or what else the file system says. */
export async function writeModelFile(
  model: Uint8Array,
  folder = tmpdir(),
  write: Write = writeFile,
): Promise<ModelFile> {
  let home: string | null = null;
  try {
    home = await mkdtemp(join(folder, 'nightshift-model-'));
    const path = join(home, 'model.onnx');
    await write(path, model, { mode: 0o600 });
    return { path, remove: () => removeFolder(dirname(path)) };
  } catch (cause) {
    if (home) await removeFolder(home);
    if (!DISK_IS_FULL.has((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
    const text = `model host: ${model.length} bytes of a model do not fit into ${folder}; make room or set TMPDIR`;
    throw new PipelineError('DISK_FULL', text, { retryable: true, cause });
  }
}

const removeFolder = (path: string) => rm(path, { recursive: true, force: true });
