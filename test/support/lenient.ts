/**
 * Demands that any model fulfils, for tests of everything but the verdict: gates that let a useless model through, and six
 * strangers who are enough to set thresholds by.
 */
import { join } from 'node:path';
import { encodePng } from '../../services/data/images.ts';
import { writeImage } from './folder.ts';
import { tinySplit } from './tiny-data.ts';
import { TINY_IMAGE } from './tiny-model.ts';

export const LENIENT_GATES = {
  ...{ rank1Min: 0, worstTenthMin: 0, wrongNameMax: 1, fnirMax: 1, rocAucMin: 0 },
  ...{ rank1DropMax: 1, fnirRiseMax: 1, namesLostMax: 1, tarDropMax: 1, sliceDropMax: 1, bestDropMax: 1 },
  ...{ thresholdJumpMax: 2, galleryShrinkMax: 1 },
  ...{ latencyP99MsMax: 60_000, imagesPerSecondMin: 0, slowdownMax: 1e6 },
};

const STRANGERS = 6;
const SHOTS = 4;

/** Writes strangers into the folder `street` in `folder`; answers the settings of a pipeline that has them. */
export async function lenientIn(folder: string) {
  await writeTinyStrangers(join(folder, 'street'));
  return lenientWith(join(folder, 'street'));
}

/** The same where `street` has been written. */
export const lenientWith = (street: string) => ({
  strangers: [{ type: 'directory', name: 'street', path: street }],
  // Of so few strangers half may come in: a useless model can hardly be shown to let in more.
  decision: {
    ...{ identify: { fpir: 0.5, margin: 0 }, verify: { far: 0.5 }, holdOut: { share: 0, min: 0 } },
    inconclusive: 'serve',
  },
});

/** Others than `p0`.. of writeTinyPeople: their pictures are negatives. */
export async function writeTinyStrangers(folder: string): Promise<void> {
  const { pixels, classes, count } = tinySplit(STRANGERS * SHOTS, STRANGERS, 9);
  const area = TINY_IMAGE.width * TINY_IMAGE.height;
  for (let image = 0; image < count; image++) {
    const negative = pixels.slice(image * area, (image + 1) * area).map((value) => 255 - value);
    await writeImage(folder, `stranger ${classes[image]!}`, `${image}.png`, await encodePng(negative, TINY_IMAGE));
  }
}
