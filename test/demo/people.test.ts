/** Synthetic people: reproducible, different from each other, and hard enough that learning matters. */
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { renderFace } from '../../demo/people.ts';
import { decodeImage } from '../../services/data/images.ts';

const SPEC = { width: 64, height: 64, channels: 1 } as const;
const PEOPLE = 12;
const GALLERY_SHOTS = 4;

test('people: the same seeds give the same file, another shot or person another one', async () => {
  const [face, again, otherShot, other] = await Promise.all([
    renderFace(1, 2, 64),
    renderFace(1, 2, 64),
    renderFace(1, 3, 64),
    renderFace(2, 2, 64),
  ]);
  assert.ok(face.equals(again));
  assert.not(face.equals(otherShot));
  assert.not(face.equals(other));
});

test('people: a face has the size that was asked for', async () => {
  const { width, height } = await sharp(await renderFace(5, 1, 40)).metadata();
  assert.equal([width, height], [40, 40]);
});

test('people: nearest raw pixels recognise more than chance, and far from everyone', async () => {
  const gallery = await Promise.all(shots(GALLERY_SHOTS, 0).map(normalised));
  const probes = await Promise.all(shots(2, 100).map(normalised));
  const right = probes.filter((probe) => nearest(probe.pixels, gallery) === probe.person).length / probes.length;
  assert.ok(right > 2 / PEOPLE, `only ${right} are recognised: the faces look all the same`);
  assert.ok(right < 0.9, `${right} are recognised without learning: the faces are too easy`);
});

interface Shot {
  readonly person: number;
  readonly shot: number;
}
interface Face {
  readonly person: number;
  readonly pixels: Float32Array;
}

const shots = (count: number, from: number): Shot[] =>
  Array.from({ length: PEOPLE * count }, (_, index) => ({
    person: Math.floor(index / count),
    shot: from + (index % count),
  }));

/** Mean 0, variance 1, as the models see an image. */
async function normalised({ person, shot }: Shot): Promise<Face> {
  const pixels = await decodeImage(await renderFace(person, shot, 112), SPEC, `${person}/${shot}`);
  const mean = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
  const variance = pixels.reduce((sum, value) => sum + (value - mean) ** 2, 0) / pixels.length;
  return { person, pixels: Float32Array.from(pixels, (value) => (value - mean) / Math.sqrt(variance)) };
}

function nearest(probe: Float32Array, gallery: readonly Face[]): number {
  const scores = gallery.map(({ pixels }) => pixels.reduce((sum, value, at) => sum + value * (probe[at] ?? 0), 0));
  return gallery[scores.indexOf(Math.max(...scores))]?.person ?? -1;
}

test.run();
