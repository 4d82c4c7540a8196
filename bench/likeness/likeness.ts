/**
 * Where the limits of the checks `likeness` and `likeAnother` should lie: a net is trained on some images of people, others of
 * theirs come as new, on honest nights and on nights that went wrong, and the product's own functions judge them. Called by
 * run.ts; docs/data.md has the figures.
 */
import { readFile } from 'node:fs/promises';
import Table from 'cli-table3';
import sharp from 'sharp';
import { ChecksConfigSchema } from '../../contracts/configuration/checks.ts';
import { PEOPLE } from '../../contracts/configuration/noun.ts';
import type { ImageSpec } from '../../contracts/dataset.ts';
import { decodeImage } from '../../services/data/images.ts';
import { doubtsOf, lessAlike, type FormerLikeness, type Seen } from '../../services/data/likeness.ts';
import { listPeople } from '../../services/data/people-folder.ts';
import type { LabelledImages } from '../../services/data/strategy.ts';
import { galleryOf, galleryOfParts, scoreOf, type GalleryRows } from '../../services/serving/gallery/gallery.ts';
import { embedAll } from '../../services/serving/host/embed-all.ts';
import { createModelHost } from '../../services/serving/host/model-host.ts';
import { createRandom, permutation, type Random } from '../../services/training/random.ts';
import { SPEC } from '../decision/people.ts';
import { trainNet } from '../support/train-net.ts';

export interface LikenessBenchOptions {
  readonly dataFolder: string;
  /** Each gives another net, another division of the images and other nights. */
  readonly seeds: readonly number[];
  /** Of each kind and seed. */
  readonly nights: number;
  /** Of the images that the net sees; 3 shows a cast of colour to it. */
  readonly channels: 1 | 3;
  readonly json: boolean;
}

/** What a camera does to all pictures of a source. */
const CAMERAS = {
  'as it was': (bytes: Buffer) => sharp(bytes),
  'darker by 30 levels': (bytes: Buffer) => sharp(bytes).linear(1, -30),
  'darker by 60 levels': (bytes: Buffer) => sharp(bytes).linear(1, -60),
  'brighter by 30 levels': (bytes: Buffer) => sharp(bytes).linear(1, 30),
  'brighter by 60 levels': (bytes: Buffer) => sharp(bytes).linear(1, 60),
  'brighter by 40 %': (bytes: Buffer) => sharp(bytes).linear(1.4, 0),
  'half the contrast': (bytes: Buffer) => sharp(bytes).linear(0.5, 64),
  'gamma 2.2': (bytes: Buffer) => sharp(bytes).gamma(2.2, 1),
  'warmer (red + 15 %, blue - 15 %)': (bytes: Buffer) => cast(bytes, 1.15, 1, 0.85),
  'as under a bulb (red + 40 %, blue - 40 %)': (bytes: Buffer) => cast(bytes, 1.4, 1, 0.6),
  'colder (red - 15 %, blue + 15 %)': (bytes: Buffer) => cast(bytes, 0.85, 1, 1.15),
  'greenish (green + 20 %)': (bytes: Buffer) => cast(bytes, 1, 1.2, 1),
  'out of focus (blur of 3 pixels)': (bytes: Buffer) => sharp(bytes).blur(3),
  'a fifth cropped': (bytes: Buffer) => sharp(bytes).extract({ left: 10, top: 10, width: 80, height: 80 }),
} as const;
type Camera = keyof typeof CAMERAS;

/** White balance that is off: each channel by itself. A grey picture has three equal ones. */
const cast = (bytes: Buffer, red: number, green: number, blue: number) =>
  sharp(bytes).recomb([
    [red, 0, 0],
    [0, green, 0],
    [0, 0, blue],
  ]);

/** New images of a night; of each person one before two of anybody. */
const SIZES = [20, 60, 200] as const;
const FALLS = [0.05, 0.1, 0.15, 0.2] as const;
const MARGINS = [0, 0.1, 0.15, 0.2, 0.3] as const;
/** Of the images of a person: learned or at least enrolled, probes, and the rest is new. */
const PARTS = { enrolled: 0.5, probes: 0.25 } as const;
const HELD_OUT_EVERY = 5;

interface Fresh {
  readonly label: string;
  readonly rows: Readonly<Record<Camera, Float32Array>>;
}

interface Subject {
  readonly gallery: GalleryRows;
  readonly former: readonly FormerLikeness[];
  readonly fresh: readonly Fresh[];
}

export async function runLikenessBench({
  dataFolder,
  seeds,
  nights,
  channels,
  json,
}: LikenessBenchOptions): Promise<void> {
  const spec = { ...SPEC, channels };
  const outcomes: Outcome[] = [];
  for (const seed of seeds) {
    const subject = await subjectOf(dataFolder, seed, spec);
    const random = createRandom(seed);
    for (const size of SIZES) {
      for (let night = 0; night < nights; night++) {
        for (const camera of Object.keys(CAMERAS) as Camera[])
          outcomes.push(
            judge(`camera: ${camera}`, size, subject, seenBy(subject, draw(subject, size, random), camera)),
          );
        const shuffled = shuffledLabels(draw(subject, size, random), random);
        outcomes.push(judge('all labels shuffled', size, subject, seenBy(subject, shuffled, 'as it was')));
        for (const wrong of [2, 4]) outcomes.push(...wrongName(wrong, size, subject, random));
      }
    }
  }
  const result = summary(outcomes);
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : textOf(result));
}

async function subjectOf(folder: string, seed: number, spec: ImageSpec): Promise<Subject> {
  const random = createRandom(seed);
  const people = await listPeople(folder);
  const parts = { learned: [] as Picture[], heldOut: [] as Picture[], probes: [] as Picture[], fresh: [] as Picture[] };
  for (const [person, { files }] of people.entries()) {
    const all = await Promise.all(files.map(async (file) => ({ person, bytes: await readFile(file), file })));
    const pictures = shuffled(all, random);
    const enrolled = Math.ceil(files.length * PARTS.enrolled);
    const probes = Math.ceil(files.length * PARTS.probes);
    parts[person % HELD_OUT_EVERY === 0 ? 'heldOut' : 'learned'].push(...pictures.slice(0, enrolled));
    parts.probes.push(...pictures.slice(enrolled, enrolled + probes));
    parts.fresh.push(...pictures.slice(enrolled + probes));
  }
  const labels = people.map(({ label }) => label);
  const classes = labels.filter((_, person) => person % HELD_OUT_EVERY !== 0);
  const learned = await decoded(parts.learned, labels, spec, 'as it was');
  const { model } = await trainNet(
    { ...learned, labels: classes, classes: learned.classes.map((person) => classes.indexOf(labels[person]!)) },
    { seed },
  );
  const host = await createModelHost({ model, image: spec, queueMax: 64, batchMax: 32, threads: 1 });
  try {
    const embed = async (images: LabelledImages) => ({ rows: await embedAll(host, images), ...images });
    const enrolled = await embed(await decoded([...parts.learned, ...parts.heldOut], labels, spec, 'as it was'));
    const probes = await embed(await decoded(parts.probes, labels, spec, 'as it was'));
    const fresh = parts.fresh.map(({ person }) => ({
      label: labels[person]!,
      rows: {} as Record<Camera, Float32Array>,
    }));
    for (const camera of Object.keys(CAMERAS) as Camera[]) {
      const { rows } = await embed(await decoded(parts.fresh, labels, spec, camera));
      fresh.forEach((one, at) => (one.rows[camera] = rows.slice(at * host.dimensions, (at + 1) * host.dimensions)));
    }
    return {
      gallery: galleryOfParts([enrolled, probes], labels),
      former: [formerOf(galleryOf(enrolled.rows, enrolled), probes, host.dimensions)],
      fresh,
    };
  } finally {
    await host.close();
  }
}

interface Picture {
  readonly person: number;
  readonly bytes: Buffer;
  readonly file: string;
}

async function decoded(
  pictures: readonly Picture[],
  labels: readonly string[],
  spec: ImageSpec,
  camera: Camera,
): Promise<LabelledImages> {
  const images = await Promise.all(
    pictures.map(async ({ bytes, file }) => decodeImage(await CAMERAS[camera](bytes).png().toBuffer(), spec, file)),
  );
  return {
    ...{ spec, labels, count: pictures.length, pixels: Uint8Array.from(Buffer.concat(images)) },
    classes: Int32Array.from(pictures, ({ person }) => person),
  };
}

/** As the verifier has it: with the gallery that has no probes. */
function formerOf(
  gallery: GalleryRows,
  { rows, classes, labels, count }: LabelledImages & { readonly rows: Float32Array },
  dimensions: number,
): FormerLikeness {
  const own = Array.from(classes, (person, at) =>
    scoreOf(gallery, gallery.labels.indexOf(labels[person]!), rows.subarray(at * dimensions, (at + 1) * dimensions)),
  );
  return { source: 'auth', probes: count, likeness: mean(own) };
}

/** A new image, and the name under which it comes. */
interface Drawn {
  readonly of: Fresh;
  readonly label: string;
}

const draw = ({ fresh }: Subject, size: number, random: Random): Drawn[] =>
  shuffled(fresh, random)
    .slice(0, size)
    .map((of) => ({ of, label: of.label }));

function shuffledLabels(drawn: readonly Drawn[], random: Random): Drawn[] {
  const labels = shuffled(drawn, random).map(({ label }) => label);
  return drawn.map(({ of }, at) => ({ of, label: labels[at]! }));
}

const shuffled = <T>(all: readonly T[], random: Random): T[] =>
  Array.from(permutation(all.length, random), (at) => all[at]!);

function seenBy({ gallery }: Subject, drawn: readonly Drawn[], camera: Camera): Seen[] {
  return drawn.map(({ of, label }, at) => {
    const scores = gallery.labels.map((_, row) => scoreOf(gallery, row, of.rows[camera]));
    const own = gallery.labels.indexOf(label);
    const best = scores.reduce((top, score, row) => (row !== own && (top < 0 || score > scores[top]!) ? row : top), -1);
    const other = { label: gallery.labels[best]!, score: scores[best]! };
    return { source: 'auth', id: String(at), label, own: scores[own]!, other };
  });
}

interface Outcome {
  readonly kind: string;
  readonly size: number;
  readonly fall: number;
  /** By limit: whether the source is told. */
  readonly told: readonly boolean[];
  /** By margin: of the people with two new images or more, how many are told who are in order, and how many who are not. */
  readonly people: number;
  readonly wronglyTold: readonly number[];
  readonly wrong: number;
  readonly rightlyTold: readonly number[];
}

const DEFAULTS = ChecksConfigSchema.parse({});

function judge(kind: string, size: number, { former }: Subject, seen: readonly Seen[], wrong?: string): Outcome {
  const likeness = { seen, former, lost: null };
  const counts = new Map<string, number>();
  for (const { label } of seen) counts.set(label, (counts.get(label) ?? 0) + 1);
  const people = [...counts].filter(([label, images]) => images > 1 && label !== wrong).length;
  const doubts = MARGINS.map((margin) => doubtsOf(likeness, { ...DEFAULTS.likeAnother, margin }));
  return {
    ...{ kind, size, people, wrong: wrong === undefined ? 0 : 1 },
    fall: former[0]!.likeness - mean(seen.map(({ own }) => own)), // There is the one.
    told: FALLS.map((fall) => lessAlike(likeness, { ...DEFAULTS.likeness, fall }, PEOPLE).length > 0),
    wronglyTold: doubts.map((found) => found.filter(({ label }) => label !== wrong).length),
    rightlyTold: doubts.map((found) => found.filter(({ label }) => label === wrong).length),
  };
}

/**
 * So many new images of one person come under another's name, who has none of their own; the rest is in order. Empty where nobody
 * has so many.
 */
function wrongName(images: number, size: number, subject: Subject, random: Random): Outcome[] {
  const honest = draw(subject, size, random);
  const labels = shuffled([...new Set(subject.fresh.map(({ label }) => label))], random);
  const of = labels.find((label) => subject.fresh.filter((one) => one.label === label).length >= images);
  if (of === undefined) return [];
  const under = labels.find((label) => label !== of)!; // There are many.
  const moved = subject.fresh.filter(({ label }) => label === of).slice(0, images);
  const drawn = [
    ...honest.filter(({ label }) => label !== under && label !== of),
    ...moved.map((one) => ({ of: one, label: under })),
  ];
  return [judge(`${images} images under another name`, size, subject, seenBy(subject, drawn, 'as it was'), under)];
}

interface Line {
  readonly kind: string;
  readonly size: number;
  readonly nights: number;
  readonly fall: { readonly least: number; readonly median: number; readonly most: number };
  /** Shares: of the nights, by FALLS; of the people in order and of those who are not, by MARGINS. */
  readonly told: readonly number[];
  readonly wronglyTold: readonly number[];
  readonly nightsWithWronglyTold: readonly number[];
  readonly rightlyTold: readonly number[];
}

function summary(outcomes: readonly Outcome[]): Line[] {
  const kinds = [...new Set(outcomes.map(({ kind }) => kind))];
  return kinds.flatMap((kind) =>
    SIZES.flatMap((size): Line[] => {
      const of = outcomes.filter((it) => it.kind === kind && it.size === size);
      if (of.length === 0) return [];
      const falls = of.map(({ fall }) => fall).sort((a, b) => a - b);
      const sum = (value: (it: Outcome) => number) => of.reduce((total, it) => total + value(it), 0);
      const line = {
        ...{ kind, size, nights: of.length },
        fall: { least: falls[0]!, median: falls[Math.floor(falls.length / 2)]!, most: falls.at(-1)! },
        told: FALLS.map((_, at) => sum(({ told }) => Number(told[at])) / of.length),
        wronglyTold: MARGINS.map(
          (_, at) =>
            sum(({ wronglyTold }) => wronglyTold[at]!) /
            Math.max(
              1,
              sum((it) => it.people),
            ),
        ),
        nightsWithWronglyTold: MARGINS.map(
          (_, at) => sum(({ wronglyTold }) => Number(wronglyTold[at]! > 0)) / of.length,
        ),
        rightlyTold: MARGINS.map(
          (_, at) =>
            sum(({ rightlyTold }) => rightlyTold[at]!) /
            Math.max(
              1,
              sum((it) => it.wrong),
            ),
        ),
      };
      return [line];
    }),
  );
}

function textOf(lines: readonly Line[]): string {
  const table = new Table({
    head: [
      'night',
      'new',
      'fall',
      ...FALLS.map((fall) => `told > ${fall}`),
      ...MARGINS.map((it) => `like another > ${it}`),
    ],
    style: { head: [], border: [] },
  });
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  for (const { kind, size, fall, told, nightsWithWronglyTold, rightlyTold } of lines) {
    const isWrong = kind.includes('under another name');
    const range = [fall.least, fall.median, fall.most].map((value) => value.toFixed(2)).join(' / ');
    table.push([
      kind,
      size,
      range,
      ...told.map(percent),
      ...(isWrong ? rightlyTold : nightsWithWronglyTold).map(percent),
    ]);
  }
  return `${table.toString()}\nlike another: nights with a person who is told wrongly; where images stand under another name, nights that tell that person\n`;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
