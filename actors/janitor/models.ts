/**
 * The person in MODELS: rows of galleries, golden samples, rows of weights, words of cards. A file keeps its key; who asks
 * for it by its old digest is led to the new one, so that records and signatures stay as they are. The forwarding is
 * written first: a kill between leaves the old file, which is done again.
 */
import { assertNever } from '../../contracts/errors.ts';
import type { BlobRef } from '../../contracts/references.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { faultPoint } from '../../runtime/fault-points.ts';
import { goldenOfNobody, goldenWithout } from '../../services/forgetting/golden.ts';
import { signForward } from '../../services/signing/forgetting.ts';
import { galleryWithout, weightsWithout } from '../../services/forgetting/without-rows.ts';
import { readGallery } from '../../services/serving/gallery/gallery.ts';
import { readGolden, writeGolden } from '../../services/serving/host/golden.ts';
import { digestOf } from '../../services/signing/canonical.ts';
import { decodeWeights } from '../../services/training/loop/weights.ts';
import { theirsOf, type Forgetting } from './context.ts';

const PLACE = BUCKETS.models;

type Kind = 'galleries' | 'golden samples' | 'weights' | 'cards' | 'unfinished trainings' | 'models and other files';

function kindOf({ key }: BlobRef): Kind {
  if (key.endsWith('/gallery.safetensors')) return 'galleries';
  if (key.endsWith('/golden.safetensors')) return 'golden samples';
  if (key.endsWith('/training-weights.safetensors')) return 'weights';
  if (key.endsWith('/training-checkpoint.safetensors')) return 'unfinished trainings';
  return key.endsWith('/README.md') ? 'cards' : 'models and other files';
}

/** Spellings of the name; and the models that there are. */
export async function lookThroughModels(f: Forgetting): Promise<ReadonlySet<string>> {
  const models = new Set<string>();
  for (const ref of await f.eraser.objects(PLACE)) {
    const [model = '', ...rest] = ref.key.split('/');
    if (rest.length > 0) models.add(model);
    for (const name of await namesIn(f, ref)) if (f.isPerson(name)) f.found.names.add(name);
  }
  return models;
}

async function namesIn({ blobs }: Forgetting, ref: BlobRef): Promise<readonly string[]> {
  const kind = kindOf(ref);
  if (kind === 'galleries') return readGallery(await blobs.get(ref), ref.key).gallery.labels;
  return kind === 'weights' ? decodeWeights(await blobs.get(ref)).labels : [];
}

export async function rewriteModels(f: Forgetting): Promise<void> {
  const objects = await f.eraser.objects(PLACE);
  for (const ref of objects) {
    const kind = kindOf(ref);
    f.tally.add(PLACE, kind, 'looked');
    if (kind === 'unfinished trainings') await dropCheckpoint(f, ref);
    else await replace(f, ref, kind, await without(f, ref, kind, objects));
  }
}

/** The file without the person; null where the person is not in it. */
async function without(
  f: Forgetting,
  ref: BlobRef,
  kind: Kind,
  objects: readonly BlobRef[],
): Promise<Uint8Array | null> {
  switch (kind) {
    case 'galleries':
      return galleryWithout(await f.blobs.get(ref), ref.key, f.isPerson);
    case 'weights':
      return weightsWithout(await f.blobs.get(ref), f.isPerson);
    case 'cards': {
      const text = (await f.blobs.get(ref)).toString();
      const next = theirsOf(f).mentions.withoutName(text);
      return next === text ? null : Buffer.from(next);
    }
    case 'golden samples': {
      const golden = readGolden(await f.blobs.get(ref), ref.key);
      const next = await goldenWithout(golden, f.found.pixels, async (spec) =>
        goldenOfNobody(await f.blobs.get(await modelBeside(f, ref, objects)), spec),
      );
      return next && writeGolden(next);
    }
    case 'unfinished trainings':
    case 'models and other files':
      await lookInto(f, ref, kind);
      return null;
    default:
      return assertNever(kind);
  }
}

/** A shorter name stands in a large file by chance. */
const NAME_BYTES_MIN = 6;

/** A model of ours names nobody; what an outside program put into its file cannot be taken out here. */
async function lookInto({ blobs, found, tally }: Forgetting, ref: BlobRef, kind: Kind): Promise<void> {
  const names = [...found.names].map((name) => Buffer.from(name)).filter(({ length }) => length >= NAME_BYTES_MIN);
  const bytes = await blobs.get(ref);
  if (!names.some((name) => bytes.includes(name))) return;
  tally.add(PLACE, kind, 'left');
  tally.remark(`${PLACE}/${ref.key}: the file names them, and was written by another program`);
}

/** The model of the golden samples is that of the gallery beside them. */
async function modelBeside({ blobs }: Forgetting, { key }: BlobRef, objects: readonly BlobRef[]): Promise<BlobRef> {
  const gallery = objects.find((it) => it.key === key.replace('golden.safetensors', 'gallery.safetensors'));
  const digest = gallery && readGallery(await blobs.get(gallery), gallery.key).modelDigest;
  const model = objects.find((it) => it.digest === digest);
  if (!model) throw new Error(`no model is stored for ${key}`);
  return model;
}

/** A training that was interrupted for good; a run that is under way keeps a command from the janitor. */
async function dropCheckpoint({ eraser, tally, isDry }: Forgetting, ref: BlobRef): Promise<void> {
  tally.add(PLACE, 'unfinished trainings', 'removed');
  if (!isDry) await eraser.eraseObject(ref);
}

export async function replace(f: Forgetting, ref: BlobRef, kind: string, bytes: Uint8Array | null): Promise<void> {
  if (bytes === null) return;
  f.tally.add(ref.bucket, kind, 'changed');
  if (f.isDry) return;
  const digest = digestOf(bytes);
  await forward(f, ref.digest, { ...ref, digest, bytes: bytes.length });
  faultPoint('janitor.forwarded', ref.key);
  await f.eraser.replaceObject(ref, bytes);
}

/** Before what is replaced goes: who asks for it is led to `now`, which this janitor answers for. */
export const forward = ({ forgotten, signing }: Forgetting, replaces: string, now: BlobRef): Promise<void> =>
  forgotten.forward(replaces, now, signForward(signing, replaces, now));
