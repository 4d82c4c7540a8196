/**
 * Worst inputs made of pictures of faces, and what the stage says of each: blank, noise, two people, far away, blurred,
 * on its side, very large. Called by faces.ts.
 */
import sharp from 'sharp';
import { toFailure } from '../../contracts/errors.ts';
import type { ImageSpec } from '../../contracts/dataset.ts';
import type { Faces } from '../../services/data/faces/face-threads.ts';
import { createRandom } from '../../services/training/random.ts';
import { SCENE } from './scenes.ts';

export interface WorstCase {
  readonly name: string;
  readonly pictures: number;
  /** How often each outcome came: `found`, or the code of the refusal. */
  readonly outcomes: Readonly<Record<string, number>>;
}

type Make = (face: Uint8Array, seed: number) => Promise<Buffer>;

/** Side of the face's picture where it is in front. */
const NEAR = 140;
const GREY = { r: 110, g: 115, b: 120 };

const CASES: readonly (readonly [name: string, make: Make])[] = [
  ['black', async () => canvas(SCENE, { r: 0, g: 0, b: 0 }).png().toBuffer()],
  ['black, with the noise of a sensor', (_, seed) => noise(seed, 0, 12)],
  ['noise', (_, seed) => noise(seed, 0, 256)],
  ['one person, alone', (face) => placed([[face, NEAR, 90, 50]])],
  ['two people side by side', (face) => both(face, NEAR)],
  ['somebody behind, of a third of the size', (face) => both(face, Math.round(NEAR / 3))],
  ['a face of a fourth of the height', (face) => placed([[face, SCENE.height >> 2, 90, 50]])],
  ['a face of an eighth of the height', (face) => placed([[face, SCENE.height >> 3, 90, 50]])],
  ['blurred by a 20th of the face', async (face) => blurred(await placed([[face, NEAR, 90, 50]]), NEAR / 20)],
  ['blurred by a 10th of the face', async (face) => blurred(await placed([[face, NEAR, 90, 50]]), NEAR / 10)],
  ['on its side, without EXIF', async (face) => turned(await placed([[face, NEAR, 90, 50]]), 1)],
  ['on its side, with EXIF', async (face) => turned(await placed([[face, NEAR, 90, 50]]), 6)],
  [
    '24 megapixels',
    async (face) =>
      sharp(await placed([[face, NEAR, 90, 50]]))
        .resize(6000, 4500)
        .jpeg()
        .toBuffer(),
  ],
];

/** `pictures`: each makes one picture for each case. */
export async function worstCases(pictures: readonly Uint8Array[], faces: Faces, spec: ImageSpec): Promise<WorstCase[]> {
  const cases: WorstCase[] = [];
  for (const [name, make] of CASES) {
    const outcomes: Record<string, number> = {};
    for (const [seed, picture] of pictures.entries()) {
      const bytes = await make(picture, seed + 1);
      const outcome = await faces.find(bytes, spec, name).then(
        () => 'found',
        (error) => toFailure(error).code,
      );
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
    cases.push({ name, pictures: pictures.length, outcomes });
  }
  return cases;
}

const canvas = (size: { readonly width: number; readonly height: number }, background: typeof GREY) =>
  sharp({ create: { ...size, channels: 3, background } });

type Place = readonly [face: Uint8Array, side: number, left: number, top: number];

async function placed(places: readonly Place[]): Promise<Buffer> {
  const input = places.map(async ([face, side, left, top]) => ({
    input: await sharp(face).resize(side, side, { fit: 'fill' }).toBuffer(),
    ...{ left, top },
  }));
  return canvas(SCENE, GREY)
    .composite(await Promise.all(input))
    .png()
    .toBuffer();
}

const both = (face: Uint8Array, side: number) =>
  placed([
    [face, NEAR, 10, 50],
    [face, side, 170, 50],
  ]);

async function noise(seed: number, least: number, range: number): Promise<Buffer> {
  const random = createRandom(seed);
  const data = Buffer.from(Array.from({ length: 3 * SCENE.width * SCENE.height }, () => least + range * random()));
  return sharp(data, { raw: { ...SCENE, channels: 3 } })
    .png()
    .toBuffer();
}

const blurred = (picture: Buffer, sigma: number) => sharp(picture).blur(sigma).png().toBuffer();
const turned = (picture: Buffer, orientation: number) =>
  sharp(picture).rotate(-90).withMetadata({ orientation }).jpeg({ quality: 92 }).toBuffer();
