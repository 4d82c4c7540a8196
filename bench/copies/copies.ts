/**
 * What the look of a picture is worth: how many copies of photographs are known again, how many pictures of different
 * people are taken for copies, and what a search among very many costs. Called by run.ts; docs/data.md has the figures.
 */
import { readFile } from 'node:fs/promises';
import Table from 'cli-table3';
import sharp, { type Sharp } from 'sharp';
import { createLookIndex } from '../../services/data/look-index.ts';
import { HASH_BYTES, isSameCoarse, lookOf, SIGNS_MAX, SIGNS_MAX_OF_OTHERS } from '../../services/data/look.ts';
import { listPeople } from '../../services/data/people-folder.ts';
import { pictureOf } from '../../services/data/picture.ts';
import { createRandom } from '../../services/training/random.ts';

export interface CopiesBenchOptions {
  /** Each with one folder per person. */
  readonly dataFolders: readonly string[];
  /** So many looks are searched among, made of pairs of pictures. */
  readonly images: number;
  readonly json: boolean;
}

interface Seen {
  readonly person: string;
  readonly bytes: Buffer;
  readonly digest: string;
  readonly look: Uint8Array;
}

type Save = (image: Sharp, width: number, height: number) => Sharp;
const scaled =
  (share: number): Save =>
  (image, width, height) =>
    image.resize(Math.round(width * share), Math.round(height * share), { fit: 'fill' }).png();
const cropped =
  (share: number): Save =>
  (image, width, height) => {
    const [left, top] = [Math.round(width * share), Math.round(height * share)];
    return image.extract({ left, top, width: width - 2 * left, height: height - 2 * top }).png();
  };
const SAVED: Readonly<Record<string, Save>> = {
  ...Object.fromEntries([0.5, 0.8, 1.5, 2].map((share) => [`${share} times as large`, scaled(share)])),
  ...Object.fromEntries([30, 50, 75, 90].map((quality) => [`JPEG ${quality}`, (image) => image.jpeg({ quality })])),
  'half as large, JPEG 50': (image, width, height) => scaled(0.5)(image, width, height).jpeg({ quality: 50 }),
  'WebP 80': (image) => image.webp({ quality: 80 }),
  'WebP 40': (image) => image.webp({ quality: 40 }),
  'WebP without loss': (image) => image.webp({ lossless: true }),
  grey: (image) => image.greyscale().png(),
  'brighter by 10 % and 10 levels': (image) => image.linear(1.1, 10).png(),
  'darker by 30 levels': (image) => image.linear(1, -30).png(),
  'gamma 1.4': (image) => image.gamma(1.4, 1).png(),
  'cropped by 1 % at each edge': cropped(0.01),
  'cropped by 2 % at each edge': cropped(0.02),
  'cropped by 5 % at each edge': cropped(0.05),
};
/** Each picture would take minutes. */
const COPIED_EVERY = 10;

export async function runCopiesBench({ dataFolders, images, json }: CopiesBenchOptions): Promise<void> {
  sharp.concurrency(1);
  const seen = await load(dataFolders);
  const copies = await knownAgain(seen);
  const result = {
    images: seen.length,
    copies,
    pairs: pairsOf(seen),
    wall: await beforeOneWall(seen),
    search: await searchAmong(seen, images),
  };
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else process.stdout.write(textOf(result));
}

async function load(folders: readonly string[]): Promise<Seen[]> {
  const seen: Seen[] = [];
  for (const folder of folders) {
    for (const { label, files } of await listPeople(folder)) {
      for (const file of files) {
        const bytes = await readFile(file);
        seen.push({ person: `${folder}/${label}`, bytes, ...(await pictureOf(bytes, file)) });
      }
    }
  }
  return seen;
}

interface Known {
  readonly how: string;
  readonly copies: number;
  /** Shares of them: the same pixels, alike under another name, alike under the same name. */
  readonly same: number;
  readonly underOther: number;
  readonly underOwn: number;
}

async function knownAgain(seen: readonly Seen[]): Promise<Known[]> {
  const known: Known[] = [];
  const some = seen.filter((_, at) => at % COPIED_EVERY === 0);
  for (const [how, save] of Object.entries(SAVED)) {
    const counts = { same: 0, underOther: 0, underOwn: 0 };
    for (const { bytes, digest, look } of some) {
      const { data, info } = await sharp(bytes).autoOrient().raw().toBuffer({ resolveWithObject: true });
      const saved = await save(sharp(data, { raw: info }), info.width, info.height).toBuffer();
      const again = await pictureOf(saved, how);
      const signs = signsApart(look, again.look);
      if (again.digest === digest) counts.same += 1;
      if (signs <= SIGNS_MAX) counts.underOwn += 1;
      if (signs <= SIGNS_MAX_OF_OTHERS) counts.underOther += 1;
    }
    const share = (count: number) => count / some.length;
    const { same, underOther, underOwn } = counts;
    known.push({
      how,
      copies: some.length,
      same: share(same),
      underOther: share(underOther),
      underOwn: share(underOwn),
    });
  }
  return known;
}

/** Infinity where the coarse parts are not those of one picture. */
function signsApart(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < HASH_BYTES; at++) for (let bits = a[at]! ^ b[at]!; bits > 0; bits &= bits - 1) sum += 1;
  return isSameCoarse(coarseOf(a), coarseOf(b)) ? sum : Infinity;
}
const coarseOf = (look: Uint8Array) => new Int8Array(new Uint8Array(look).buffer, HASH_BYTES);

interface Pairs {
  readonly pairs: number;
  readonly alike: number;
  readonly nearestSigns: number;
}

/** Every picture with each other one; the same pixels are no question and left out. */
function pairsOf(seen: readonly Seen[]) {
  const of = {
    samePerson: { pairs: 0, alike: 0, nearestSigns: Infinity },
    others: { pairs: 0, alike: 0, nearestSigns: Infinity },
  };
  seen.forEach((one, at) => {
    for (const other of seen.slice(0, at)) {
      if (one.digest === other.digest) continue;
      const isOwn = one.person === other.person;
      const into = isOwn ? of.samePerson : of.others;
      const signs = signsApart(one.look, other.look);
      into.pairs += 1;
      into.nearestSigns = Math.min(into.nearestSigns, signs);
      if (signs <= (isOwn ? SIGNS_MAX : SIGNS_MAX_OF_OTHERS)) into.alike += 1;
    }
  });
  return of;
}

/** Widths of a face, in pixels of a picture that is 320 wide. */
const FACE_WIDTHS = [40, 60, 90, 120] as const;
const WALL = { width: 320, height: 240 } as const;

interface Wall {
  readonly faceWidth: number;
  readonly pairs: number;
  readonly alike: number;
}

/** Pictures of a camera that does not move, taken whole: one of each person at the same place, before the first picture of all. */
async function beforeOneWall(seen: readonly Seen[]): Promise<Wall[]> {
  const one = [...new Map(seen.map((it) => [it.person, it])).values()];
  const wall = await sharp(seen[0]!.bytes).resize(WALL.width, WALL.height, { fit: 'fill' }).png().toBuffer();
  const walls: Wall[] = [];
  for (const faceWidth of FACE_WIDTHS) {
    const pictures: Seen[] = [];
    for (const { bytes, ...rest } of one) {
      const face = await sharp(bytes)
        .resize(faceWidth, Math.round(1.2 * faceWidth), { fit: 'fill' })
        .toBuffer();
      const left = Math.round((WALL.width - faceWidth) / 2);
      const picture = await sharp(wall)
        .composite([{ input: face, left, top: 40 }])
        .png()
        .toBuffer();
      pictures.push({ ...rest, bytes: picture, ...(await pictureOf(picture, rest.person)) });
    }
    const { pairs, alike } = pairsOf(pictures).others;
    walls.push({ faceWidth, pairs, alike });
  }
  return walls;
}

interface Search {
  readonly looks: number;
  readonly cpuSeconds: number;
  readonly msPerLook: number;
  readonly indexMb: number;
  readonly alike: number;
}

/** Looks of two photographs each, laid over each other at random places: as alike as faces are, and each another one. */
async function searchAmong(seen: readonly Seen[], looks: number): Promise<Search> {
  const [side, cut] = [100, 88];
  const random = createRandom(1);
  const below = (count: number) => Math.floor(random() * count);
  const greys: Uint8Array[] = [];
  for (const { bytes } of seen)
    greys.push(await sharp(bytes).greyscale().resize(side, side, { fit: 'fill' }).raw().toBuffer());
  const made: Uint8Array[] = [];
  const begun = process.cpuUsage();
  const blend = new Uint8Array(cut * cut);
  for (let count = 0; count < looks; count++) {
    const [one, other] = [greys[below(greys.length)]!, greys[below(greys.length)]!];
    const [weight, from, to] = [0.2 + 0.6 * random(), below(13) * side + below(13), below(13) * side + below(13)];
    for (let y = 0; y < cut; y++)
      for (let x = 0; x < cut; x++)
        blend[y * cut + x] = weight * one[from + y * side + x]! + (1 - weight) * other[to + y * side + x]!;
    made.push(lookOf(blend, cut, cut));
  }
  const msPerLook = process.cpuUsage(begun).user / 1000 / looks;
  const [before, searching] = [process.memoryUsage(), process.cpuUsage()];
  const index = createLookIndex(looks);
  let alike = 0;
  for (const look of made) {
    index.near(look, () => (alike += 1));
    index.add(look);
  }
  const cpuSeconds = process.cpuUsage(searching).user / 1e6;
  const indexMb = (process.memoryUsage().arrayBuffers - before.arrayBuffers) / 2 ** 20;
  return { looks, cpuSeconds, msPerLook, indexMb, alike };
}

interface Result {
  readonly images: number;
  readonly copies: readonly Known[];
  readonly pairs: Readonly<Record<'samePerson' | 'others', Pairs>>;
  readonly wall: readonly Wall[];
  readonly search: Search;
}

function textOf({ images, copies, pairs, wall, search }: Result): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const known = new Table({
    head: ['saved anew', 'same pixels', 'alike, one name', 'alike, two names'],
    style: { head: [] },
  });
  for (const { how, same, underOwn, underOther } of copies)
    known.push([how, percent(same), percent(underOwn), percent(underOther)]);
  const line = (what: string, { pairs: count, alike, nearestSigns }: Pairs) =>
    `${what}: ${alike} of ${count} pairs count as copies; the nearest differ in ${nearestSigns} signs\n`;
  return (
    `${images} pictures, every ${COPIED_EVERY}th saved anew\n${known.toString()}\n` +
    line('of one person', pairs.samePerson) +
    line('of different people', pairs.others) +
    wall
      .map(
        (it) =>
          `before one wall, faces ${it.faceWidth} of ${WALL.width} wide: ${it.alike} of ${it.pairs} pairs count as copies\n`,
      )
      .join('') +
    `a search for each of ${search.looks} looks among all: ${search.cpuSeconds.toFixed(1)} s of processor, ` +
    `index ${search.indexMb.toFixed(0)} MB, ${search.alike} alike; a look with its picture ${search.msPerLook.toFixed(2)} ms\n`
  );
}
