/**
 * The models of the swap bench: a few good ones that are deployed in turn, and bad ones that replicas must refuse.
 * Stored before the load begins, so that the bench itself writes nothing large while it measures.
 */
import { createHash } from 'node:crypto';
import type { NatsConnection } from 'nats';
import type { ModelPair } from '../../contracts/release.ts';
import { encodePng } from '../../services/data/images.ts';
import { readGolden } from '../../services/serving/host/golden.ts';
import { IMAGE, makeFiles, store, type Files, type RigOptions } from '../serving/rig.ts';
import type { Answers } from './messages.ts';
import type { Fault } from './plan.ts';

export type ModelsOptions = RigOptions;
type Blobs = Omit<ModelPair, 'runId'>;

export interface Models {
  readonly faces: readonly Uint8Array[];
  /** In the order of the good models. */
  readonly answers: Answers;
  /** A good pair whose model is none of those given. */
  other(runId: string, modelDigests: readonly string[]): ModelPair;
  /** The same with the fault. */
  broken(runId: string, fault: Fault, modelDigests: readonly string[]): ModelPair;
}

/** Current, previous and candidate are of three models; one more, so that the wrong golden samples are another's. */
const MODELS = 4;
/** All models are asked for the same images. */
const IMAGES_SEED = 77;

export async function makeModels(nc: NatsConnection, options: ModelsOptions): Promise<Models> {
  const files: Files[] = [];
  // One after the other: each takes a process of its own, and all at once they starve each other.
  for (let seed = 1; seed <= MODELS; seed++) files.push(await makeFiles(options, seed, IMAGES_SEED));
  const good = await Promise.all(files.map((file, i) => store(nc, `good-${i}`, file)));
  const halves = files[0]!; // There are some.
  const model = halves.model.subarray(0, halves.model.length / 2);
  const truncated = await store(nc, 'truncated', { ...halves, model });
  let turn = 0;
  const other = (digests: readonly string[]): Blobs => {
    do turn = (turn + 1) % MODELS;
    while (digests.includes(good[turn]!.model.digest));
    return good[turn]!;
  };
  return {
    faces: await facesOf(files),
    answers: files.map(({ golden }, i) => ({
      modelDigest: good[i]!.model.digest,
      embeddings: readGolden(golden, 'golden').embeddings,
    })),
    other: (runId, digests) => ({ ...other(digests), runId }),
    broken: (runId, fault, digests) => ({ ...breakIt(fault, other(digests), good, truncated), runId }),
  };
}

function breakIt(fault: Fault, pair: Blobs, good: readonly Blobs[], truncated: Blobs): Blobs {
  if (fault === 'truncated model') return truncated;
  const stranger = good.find(({ golden }) => golden.digest !== pair.golden.digest)!; // Each model answers differently.
  if (fault === 'wrong golden samples') return { ...pair, golden: stranger.golden };
  const digest = `sha256:${createHash('sha256').update('other bytes').digest('hex')}`;
  return { ...pair, model: { ...pair.model, digest } };
}

/** The very images of the golden samples, of which the right answers are known. */
async function facesOf([first]: readonly Files[]): Promise<Uint8Array[]> {
  const { pixels, count, spec } = readGolden(first!.golden, 'golden');
  const bytes = spec.width * spec.height * spec.channels;
  return Promise.all(
    Array.from({ length: count }, (_, i) => encodePng(pixels.subarray(i * bytes, (i + 1) * bytes), IMAGE)),
  );
}
