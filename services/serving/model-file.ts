/**
 * A model's bytes as a private file, for as long as its host lives: its processes open it, the first one and each that
 * takes its place, without asking the object store again. Used by model-host.ts.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PipelineError } from '../../contracts/errors.ts';

export interface ModelFile {
  readonly path: string;
  remove(): Promise<void>;
}

/** Throws DISK_FULL (retryable: space may return), or what else the file system says. */
export async function writeModelFile(model: Uint8Array, folder = tmpdir()): Promise<ModelFile> {
  const home = await mkdtemp(join(folder, 'nightshift-model-'));
  const path = join(home, 'model.onnx');
  const remove = () => rm(home, { recursive: true, force: true });
  try {
    await writeFile(path, model, { mode: 0o600 });
    return { path, remove };
  } catch (cause) {
    await remove();
    const code = (cause as NodeJS.ErrnoException).code;
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw cause;
    const text = `model host: ${model.length} bytes of a model do not fit into ${folder}; make room or set TMPDIR`;
    throw new PipelineError('DISK_FULL', text, { retryable: true, cause });
  }
}
