/**
 * `nightshift release export`: a release as files that prove themselves outside of Nightshift. The pair, its verifier's
 * statement, and a signature after OpenSSF Model Signing, which `model_signing verify key` accepts.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { BlobStore } from '../../contracts/blobs.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { BlobRef } from '../../contracts/references.ts';
import type { ModelPair } from '../../contracts/release.ts';
import { API } from '../../contracts/subjects.ts';
import { ownFiles, type OwnFiles } from '../../infra/config/releases.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { checkForwards } from '../../services/signing/forgetting.ts';
import { SIGNING_SUFFIX, storePem } from '../../services/signing/key-folder.ts';
import {
  exportPublicPem,
  makeExportKey,
  modelSignature,
  SIGNATURE_FILE,
  type ExportedFiles,
} from '../../services/signing/model-signing.ts';
import { openSigning } from '../../services/signing/signing.ts';
import { checkPair } from '../../services/signing/statement.ts';
import { writeWhole } from '../../services/write-whole.ts';
import type { Client } from '../client.ts';
import type { GlobalOptions } from '../global-options.ts';
import { pairIn } from '../run-memory.ts';
import { configOf, withClient } from '../with-client.ts';

export interface ExportOptions {
  readonly out: string;
  readonly json?: boolean;
}

const COMMAND = 'nightshift release export';
const EXPORT_KEY = 'export';

export async function releaseExportCommand(
  what: string,
  { out, json }: ExportOptions,
  global: GlobalOptions,
): Promise<void> {
  const { nats, releases } = configOf(global);
  const files = ownFiles(nats, releases);
  const folder = resolve(out);
  const found = await withClient(global, (client) => find(client, what));
  const exported = await withClient(global, (client) => exportPair(client, { files, ...found }), 'verifier');
  const { contents, ...about } = exported;
  const pem = exportKeyIn(files);
  const signature = Buffer.from(JSON.stringify(modelSignature(basename(folder), contents, pem)));
  mkdirSync(folder, { recursive: true });
  const written = { ...contents, [SIGNATURE_FILE]: signature };
  for (const [name, bytes] of Object.entries(written)) await writeWhole(COMMAND, join(folder, name), bytes);
  const publicKey = join(files.keysDir, `${EXPORT_KEY}.pub.pem`);
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...about, folder, files: Object.keys(written), publicKey })}\n`);
    return;
  }
  const unchecked = about.isChecked ? '' : `its statement was not checked: there is no ${files.trustFile}\n`;
  process.stdout.write(
    `${folder}: ${Object.keys(written).join(', ')}\n${unchecked}` +
      `check it with: model_signing verify key ${out} --public_key ${publicKey} --signature ${join(out, SIGNATURE_FILE)}\n`,
  );
}

interface Exportable {
  readonly files: OwnFiles;
  readonly model: string;
  readonly pair: ModelPair;
}

/** An operator may not read models, whose golden samples are faces: `client` is a verifier's. */
async function exportPair({ nc }: Client, { files, model, pair }: Exportable) {
  const isChecked = existsSync(files.trustFile);
  const signing = openSigning(isChecked ? files : {});
  const blobs = createBlobStore(nc, COMMAND, checkForwards(signing));
  const trust = signing.trust();
  if (trust) await checkPair({ trust, blobs, model, pair });
  return { model, run: pair.runId, isChecked, contents: await read(blobs, pair) };
}

/** The release in service of a model of that name, else the candidate of a run. Throws COMMAND_NOT_APPLICABLE. */
async function find({ ask }: Client, what: string): Promise<{ readonly model: string; readonly pair: ModelPair }> {
  const { models } = await ask(API.status, {});
  const found = models.find(({ model }) => model === what);
  if (found?.deployment?.current) return { model: what, pair: found.deployment.current };
  if (found) throw new PipelineError('COMMAND_NOT_APPLICABLE', `model ${what}: nothing is in service yet`);
  const { model, context } = await ask(API.run, { runId: what });
  const pair = pairIn(context, what);
  if (!pair) throw new PipelineError('COMMAND_NOT_APPLICABLE', `run ${what} has no verified candidate`);
  return { model, pair };
}

async function read(blobs: BlobStore, pair: ModelPair): Promise<ExportedFiles> {
  const refs: readonly (readonly [string, BlobRef | undefined])[] = [
    ['model.onnx', pair.model],
    ['gallery.safetensors', pair.gallery],
    ['golden.safetensors', pair.golden],
    ['faces.onnx', pair.faces],
    ['release.dsse.json', pair.statement],
  ];
  const files: Record<string, Uint8Array> = {};
  for (const [name, ref] of refs) if (ref) files[name] = await blobs.get(ref);
  return files;
}

/** Made at the first export. Its public half is what the receiver is given, by another way than the files. */
function exportKeyIn({ keysDir }: OwnFiles): string {
  const path = join(keysDir, `${EXPORT_KEY}${SIGNING_SUFFIX}`);
  if (existsSync(path)) return readFileSync(path, 'utf8');
  const pem = makeExportKey();
  storePem(keysDir, EXPORT_KEY, pem, exportPublicPem(pem));
  return pem;
}
