/** The subject of every contender of the training bench: the same net, batch, classes, loss and optimiser. */
import { TrainingConfigSchema, type TrainingConfig } from '../../contracts/configuration/training.ts';
import type { ImageSpec } from '../../contracts/dataset.ts';
import type { EngineSpec } from '../../services/training/loop/engine.ts';
import { padding } from '../../services/training/layers/window.ts';
import { withMasks, type MaskedBatch } from '../../services/training/loop/masks.ts';
import { resolveNet, type ResolvedLayer } from '../../services/training/nets/nets.ts';
import { createRandom, normal } from '../../services/training/random.ts';

export type NetName = Extract<TrainingConfig['net'], string>;

/** Each net at the size of image that it is meant for. */
export const IMAGES: Readonly<Record<NetName, ImageSpec>> = {
  refnet: { width: 64, height: 64, channels: 3 },
  'face-small': { width: 64, height: 64, channels: 1 },
  'face-resnet': { width: 112, height: 112, channels: 1 },
};
export const NET_NAMES = ['refnet', 'face-small', 'face-resnet'] as const satisfies readonly NetName[];

export const BATCH = 32;
export const CLASSES = 100;
export const LEARNING_RATE = 1e-3;

/** CosFace and Adam, as configured where nothing else is. */
export function subjectOf(name: NetName, threads: number, batch = BATCH, microBatch = batch): EngineSpec {
  const { loss, optimizer } = TrainingConfigSchema.parse({});
  return { net: resolveNet(name, IMAGES[name]), classes: CLASSES, batch, microBatch, loss, optimizer, threads };
}

/** Random pixels: the time of a step does not depend on what is in the images. */
export function randomBatch({ net, batch, classes }: EngineSpec): MaskedBatch {
  const random = createRandom(1);
  const { channels, height, width } = net.image;
  const images = Float32Array.from({ length: batch * channels * height * width }, () => normal(random));
  return withMasks({ images, classes: Int32Array.from({ length: batch }, (_, index) => index % classes) }, net, 1, 1);
}

/** The net for a peer in another language: sizes and paddings resolved, so that it needs no rule of ours. */
export function describeSubject(spec: EngineSpec) {
  const { net, batch, classes, loss } = spec;
  return { image: net.image, batch, classes, loss, learningRate: LEARNING_RATE, layers: net.layers.map(describeLayer) };
}

function describeLayer(site: ResolvedLayer): object {
  if ('body' in site)
    return { type: 'residual', layers: site.body.map(describeLayer), shortcut: site.shortcut.map(describeLayer) };
  const { layer, input, output, parameters } = site;
  const window = layer.type === 'conv' || layer.type === 'depthwise-conv' ? layer : null;
  return {
    ...layer,
    input,
    output,
    parameters: parameters.map(({ name, shape }) => ({ name, shape })),
    ...(window && { pads: padding({ layer: window, input, output }).pads }),
  };
}
