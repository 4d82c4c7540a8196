/** Whether reading pixels as they are needed slows embedding down: the same images from a file and from memory, in turns. */
import { join } from 'node:path';
import { withScratch } from '../../runtime/scratch.ts';
import { imageBytesOf } from '../../services/data/image-reader.ts';
import { createPixelFile } from '../../services/data/pixel-file.ts';
import type { EmbeddableImages } from '../../services/data/strategy.ts';
import { embedAll } from '../../services/serving/host/embed-all.ts';
import { createModelHost } from '../../services/serving/host/model-host.ts';
import { createRandom } from '../../services/training/random.ts';
import { IMAGE, modelOf } from './night.ts';

export interface EmbeddingFigures {
  /** Medians over the turns. */
  readonly imagesPerSecond: { readonly fromFile: number; readonly fromMemory: number };
  /** Above 1: a file is no slower. Median over the turns, each beside the other that ran next to it. */
  readonly ratio: number;
}

const IMAGES = 640;
const TURNS = 9;
const HOST = { queueMax: 64, batchMax: 32, threads: 1 } as const;

export function measureEmbedding(): Promise<EmbeddingFigures> {
  return withScratch(async (folder) => {
    const random = createRandom(1);
    const bytes = imageBytesOf(IMAGE);
    const pixels = Uint8Array.from({ length: IMAGES * bytes }, () => 256 * random());
    const file = await createPixelFile(join(folder, 'images.pixels'), bytes);
    const host = await createModelHost({ model: modelOf(1), image: IMAGE, ...HOST });
    try {
      for (let at = 0; at < IMAGES; at++) await file.append(pixels.subarray(at * bytes, (at + 1) * bytes));
      const set = { spec: IMAGE, classes: new Int32Array(IMAGES), labels: ['somebody'], count: IMAGES };
      return await inTurns((images) => embedAll(host, images), { ...set, read: file.read }, { ...set, pixels });
    } finally {
      await host.close();
      await file.close();
    }
  });
}

async function inTurns(
  embed: (images: EmbeddableImages) => Promise<unknown>,
  fromFile: EmbeddableImages,
  fromMemory: EmbeddableImages,
): Promise<EmbeddingFigures> {
  const timed = async (images: EmbeddableImages) => {
    const startedAt = performance.now();
    await embed(images);
    return (1000 * IMAGES) / (performance.now() - startedAt);
  };
  await timed(fromMemory); // Warms up.
  const turns: { readonly file: number; readonly memory: number }[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    if (turn % 2 === 0) turns.push({ file: await timed(fromFile), memory: await timed(fromMemory) });
    else {
      const memory = await timed(fromMemory);
      turns.push({ file: await timed(fromFile), memory });
    }
  }
  const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[(values.length - 1) >> 1]!;
  return {
    imagesPerSecond: {
      fromFile: median(turns.map(({ file }) => file)),
      fromMemory: median(turns.map(({ memory }) => memory)),
    },
    ratio: median(turns.map(({ file, memory }) => file / memory)),
  };
}
