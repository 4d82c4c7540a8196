/** Invented pictures in a folder for each person: soft colours that no two of them share, in JPEG as cameras have them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { mapInOrder } from '../../runtime/bounded.ts';
import { createRandom } from '../../services/training/random.ts';

const SIDE = 112;
/** Of the coarse picture that is enlarged: it decides how much a picture differs from all others. */
const COARSE = 12;
const WRITTEN_AT_ONCE = 8;

export const personName = (person: number) => `person-${String(person).padStart(6, '0')}`;

/** Picture i is of person i % people; from number `from` on. */
export async function writePictures(folder: string, images: number, people: number, from = 0): Promise<void> {
  for (let person = 0; person < people; person++) await mkdir(join(folder, personName(person)), { recursive: true });
  const write = async (at: number) => {
    const number = from + at;
    await writeFile(join(folder, personName(number % people), `${number}.jpg`), await picture(number + 1));
  };
  for await (const _ of mapInOrder(Array(images).keys(), WRITTEN_AT_ONCE, write));
}

function picture(seed: number): Promise<Buffer> {
  const random = createRandom(seed);
  const coarse = Uint8Array.from({ length: COARSE * COARSE * 3 }, () => 256 * random());
  return sharp(coarse, { raw: { width: COARSE, height: COARSE, channels: 3 } })
    .resize(SIDE, SIDE)
    .jpeg()
    .toBuffer();
}
