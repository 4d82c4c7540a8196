/**
 * Training with a frozen backbone: the features of all images are made once (or found on disk), a small head is trained
 * on them by the loop that trains whole nets, and both leave as one ONNX model. Called by loop.ts.
 */
import { readFile } from 'node:fs/promises';
import type { Layer } from '../../../contracts/configuration/layers.ts';
import type { BackboneConfig } from '../../../contracts/configuration/training.ts';
import type { ImageSet } from '../../data/strategy.ts';
import type { WorkContext } from '../../work.ts';
import { batchesPerEpoch, createRecipes, type OrderSettings, type BatchSource } from '../input/batches.ts';
import { gather, imageSize } from '../input/pixels.ts';
import type { Stop } from '../loop/stop.ts';
import type { TrainingJob } from '../strategy.ts';
import type { FeatureSet, Subject } from '../loop/subject.ts';
import { decodeModel } from '../onnx/encoding.ts';
import { checkReadable, type WallOptions } from '../walled/walled-session.ts';
import { openBackbone } from './backbone.ts';
import { featureKey } from './feature-part.ts';
import { featuresOf, openSession, rethrown } from './features.ts';
import { featureModel, frozenModel, headModel } from './graph.ts';

/** The subject with a head of these layers; none: the features as they are. */
export type HeadedSubject = (head: readonly Layer[]) => FrozenSubject;

export interface FrozenSubject extends Subject {
  readonly train: FeatureSet;
  readonly validation: FeatureSet | null;
}

/** Makes the features, once for all heads. Throws MODEL_INVALID, or what the signal throws. */
export async function freeze(
  { config, train, validation }: TrainingJob,
  backboneConfig: BackboneConfig,
  { signal, log, progress }: Pick<WorkContext, 'log' | 'progress'> & { readonly signal: Stop },
): Promise<HeadedSubject> {
  const image = train.spec;
  const { foreignModel: limits, threads } = config;
  await checkFile(backboneConfig, { limits, signal });
  const backbone = await openBackbone(backboneConfig, image);
  const { cacheDir } = backboneConfig;
  const images = validation === null ? [train] : [train, validation];
  const model = featureModel(backbone, image);
  const key = featureKey(decodeModel(model));
  const open = () => openSession(model, image, { limits, threads, signal });
  const features = await featuresOf(images, { open, key, cacheDir, stage: 'training', signal, log, progress });
  const { size } = features;
  const input = { width: 1, height: 1, channels: size, madeBy: `${backbone.digest.slice(0, 12)}.${key.slice(0, 12)}` };
  const asFeatures = ({ classes, labels, count }: ImageSet, index: number): FeatureSet => ({
    ...{ spec: input, classes, labels, count },
    features: features.sets[index]!.copy(0, count),
  });
  const seen = asFeatures(train, 0);
  const seenValidation = validation && asFeatures(validation, 1);
  features.close();
  return (head) => ({
    // The head sees the features as an image of one pixel.
    layers: [{ type: 'flatten' }, ...head],
    input,
    train: seen,
    validation: seenValidation,
    batches: (batchSize) => featureBatches(seen, { batchSize, seed: config.seed }),
    exportModel: (net, weights, metadata) => frozenModel(backbone, image, net, weights, metadata),
    exportTrial: headModel,
  });
}

/** A small file may be made so that reading its structure takes all memory, which would end this process. */
async function checkFile({ path }: BackboneConfig, wall: WallOptions): Promise<void> {
  const bytes = await readFile(path).catch(() => null);
  if (bytes === null) return; // openBackbone reads it again, and says why it cannot be.
  await checkReadable(bytes, wall).catch(rethrown('its structure cannot be read'));
}

/** Nothing is distorted: distortions belong to pixels. */
export function featureBatches(set: FeatureSet, settings: OrderSettings): BatchSource {
  const recipeOf = createRecipes(set, settings);
  return {
    count: batchesPerEpoch(set, settings),
    async batch(epoch, index) {
      const { indices } = recipeOf(epoch, index);
      const classes = indices.map((at) => set.classes[at]!);
      return { images: gather(set.features, imageSize(set), indices), classes };
    },
    heldBytes: () => set.features.byteLength,
    close: async () => {},
  };
}
