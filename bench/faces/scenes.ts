/**
 * Photographs made of pictures of faces: each one somewhere in a larger picture, tilted, larger or smaller, so that finding
 * and turning it upright is worth something. Everything follows from a seed. Called by faces.ts.
 */
import sharp from 'sharp';
import { createRandom } from '../../services/training/random.ts';

/** Width and height of a scene. */
export const SCENE = { width: 320, height: 240 } as const;
/** The side of the face's picture in the scene. */
const SIDE_MIN = 90;
const SIDE_MAX = 180;
/** Either way, in degrees. */
const TILT_MAX = 25;

/** A PNG: grey spots behind, the face in a soft oval. */
export async function sceneOf(face: Uint8Array, seed: number): Promise<Buffer> {
  const random = createRandom(seed);
  const between = (least: number, most: number) => least + (most - least) * random();
  const side = Math.round(between(SIDE_MIN, SIDE_MAX));
  const cut = await sharp(face)
    .resize(side, side, { fit: 'fill' })
    .toColourspace('srgb')
    .composite([{ input: ovalOf(side), blend: 'dest-in' }])
    .rotate(between(-TILT_MAX, TILT_MAX), { background: '#0000' })
    .png()
    .toBuffer();
  const { width, height } = await sharp(cut).metadata();
  const left = Math.round(between(0, SCENE.width - width));
  const top = Math.round(between(0, Math.max(0, SCENE.height - height)));
  const behind = await spots(random);
  return sharp(behind)
    .composite([{ input: await fitting(cut, width, height), left, top }])
    .png()
    .toBuffer();
}

/** A tilted square may be higher than the scene; its corners are empty. */
const fitting = (cut: Buffer, width: number, height: number): Promise<Buffer> =>
  sharp(cut)
    .extract({
      left: 0,
      top: Math.max(0, (height - SCENE.height) >> 1),
      width,
      height: Math.min(height, SCENE.height),
    })
    .toBuffer();

const ovalOf = (side: number): Buffer =>
  Buffer.from(`<svg width="${side}" height="${side}"><ellipse cx="50%" cy="50%" rx="49%" ry="50%" fill="#fff"/></svg>`);

async function spots(random: () => number): Promise<Buffer> {
  const [across, down] = [16, 12];
  const values = Buffer.from(Array.from({ length: across * down * 3 }, () => 60 + Math.floor(120 * random())));
  return sharp(values, { raw: { width: across, height: down, channels: 3 } })
    .resize({ ...SCENE, fit: 'fill', kernel: 'cubic' })
    .png()
    .toBuffer();
}
