/** How known families of nets want their pixels. Apart from look.ts, so that the command line can name them at once. */

export interface Preset {
  readonly bgr: boolean;
  readonly mean: readonly number[];
  readonly scale: readonly number[];
  /** Width and height where the file leaves them open. */
  readonly side: number;
  /** The node with the features, where the family has several outputs. */
  readonly output?: string;
}

export type PresetName = 'arcface' | 'facenet' | 'faceres' | 'imagenet';

/** By the code that feeds them: insightface's recognition models, facenet, HSE_FaceRec_tf, torchvision. */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  arcface: { bgr: false, mean: [127.5], scale: [1 / 127.5], side: 112 },
  facenet: { bgr: false, mean: [127.5], scale: [1 / 128], side: 160 },
  faceres: { bgr: true, mean: [123.68, 116.779, 103.939], scale: [1], side: 224, output: 'global_pooling/Mean' },
  imagenet: {
    ...{ bgr: false, mean: [123.675, 116.28, 103.53], side: 224 },
    scale: [1 / (0.229 * 255), 1 / (0.224 * 255), 1 / (0.225 * 255)],
  },
};
export const PRESET_NAMES = Object.keys(PRESETS) as PresetName[];
