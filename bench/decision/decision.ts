/**
 * What a door lets in and keeps out at the thresholds that the product would set, on any folder of people, beside two
 * floors under the same rule. Called by run.ts; docs/decision.md has the figures and explains the protocol.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ImageSpec } from '../../contracts/dataset.ts';
import { HELD_OUT_MIN, HELD_OUT_SHARE } from '../../services/decision/held-out.ts';
import { STRANGERS_MIN } from '../../services/decision/promise.ts';
import {
  defaultNet,
  finishedModel,
  floors,
  frozenBackbone,
  type BackboneOptions,
  type Contender,
  type Memory,
} from './contenders.ts';
import { measureDecision, type DecisionFigures, type EmbeddedDivision, type SetBy } from './measure.ts';
import {
  byHash,
  divide,
  ENROLLED_SHARE,
  labelled,
  loadPeople,
  STRANGERS_SHARE,
  type Division,
  type Person,
} from './people.ts';
import { printDecision } from './print.ts';
import type { DecisionBenchResult, DecisionRow } from './result.ts';

export interface DecisionBenchOptions {
  /** One sub-folder per person. */
  readonly dataFolder: string;
  /** People who are never enrolled, in the same form; null: a quarter of the people are set apart. */
  readonly strangersFolder: string | null;
  /** Shares of strangers' searches that may be answered known. */
  readonly targets: readonly number[];
  /** Share of comparisons that verify may accept wrongly. */
  readonly far: number;
  readonly divisions: number;
  /** Numbers of people on consecutive nights, each trained from the one before; null: one night with all. */
  readonly nights: readonly number[] | null;
  /** A finished model in place of the default net, and the pictures that it takes. */
  readonly model: { readonly path: string; readonly image: ImageSpec } | null;
  /** A frozen backbone in place of the default net. */
  readonly backbone: BackboneOptions | null;
  readonly floorsOnly: boolean;
  readonly json: boolean;
}

export async function runDecisionBench(options: DecisionBenchOptions): Promise<DecisionBenchResult> {
  const seeds = Array.from({ length: options.divisions }, (_, index) => index + 1);
  const [first, ...others] = contendersOf(options);
  let crowd = await loadCrowd(options, first!.image);
  if (!options.json) console.log(protocol(options, crowd.strangers.length > 0));
  const rows = await measureContender(first!, crowd, seeds, options);
  for (const contender of others) {
    if (!isDeepStrictEqual(contender.image, crowd.image)) crowd = await loadCrowd(options, contender.image);
    rows.push(...(await measureContender(contender, crowd, seeds, options)));
  }
  const result = resultOf(rows, crowd, seeds, options);
  printDecision(result, options.json);
  return result;
}

/** The same people and images at one size. */
interface Crowd {
  readonly image: ImageSpec;
  readonly people: readonly Person[];
  readonly strangers: readonly Person[];
}

const loadCrowd = async ({ dataFolder, strangersFolder }: DecisionBenchOptions, image: ImageSpec): Promise<Crowd> => ({
  image,
  people: await loadPeople(dataFolder, image),
  strangers: strangersFolder === null ? [] : await loadPeople(strangersFolder, image),
});

function contendersOf({ model, backbone, floorsOnly }: DecisionBenchOptions): Contender[] {
  if (floorsOnly) return [...floors];
  if (backbone !== null) return [frozenBackbone(backbone), ...floors];
  return [model === null ? defaultNet : finishedModel(model.path, model.image), ...floors];
}

/** Each division is embedded once and measured at every target and by everybody who can set the threshold. */
async function measureContender(
  contender: Contender,
  { people, strangers, image }: Crowd,
  seeds: readonly number[],
  { targets, far, nights }: DecisionBenchOptions,
): Promise<DecisionRow[]> {
  const found = new Map<string, Omit<DecisionRow, 'mean'> & { perDivision: DecisionFigures[] }>();
  for (const seed of seeds) {
    const arriving = nights === null ? people : byHash(people, ({ label }) => `arrival ${seed}/${label}`);
    let memory: Memory = null;
    for (const count of nights ?? [people.length]) {
      const division = divide(arriving.slice(0, count), strangers, seed);
      const night = await embedDivision(contender, division, image, memory);
      memory = night.memory;
      for (const setBy of settersOf(night.embedded)) {
        for (const target of targets) {
          const key = [count, setBy, target].join();
          const row = found.get(key) ?? { contender: contender.name, setBy, target, people: count, perDivision: [] };
          row.perDivision.push(measureDecision(night.embedded, setBy, { fpir: target, far }));
          found.set(key, row);
        }
      }
    }
  }
  return [...found.values()].map((row) => ({ ...row, mean: meanOf(row.perDivision) }));
}

const settersOf = ({ setting, heldOut }: EmbeddedDivision): SetBy[] => [
  ...(setting.images.count > 0 ? (['strangers'] as const) : []),
  ...(heldOut.size > 0 ? (['held-out people'] as const) : []),
];

async function embedDivision(contender: Contender, division: Division, image: ImageSpec, memory: Memory) {
  const { trained, heldOut, seed } = division;
  const enrolled = [...trained, ...heldOut];
  const sets = [
    enrolled.map((it) => ({ label: it.label, images: it.enrolled })),
    enrolled.map((it) => ({ label: it.label, images: it.probes })),
    heldOut.map((it) => ({ label: it.label, images: [...it.enrolled, ...it.probes] })),
    division.setting,
    division.measuring,
  ].map((groups) => labelled(groups, image));
  const train = labelled(
    trained.map((it) => ({ label: it.label, images: it.enrolled })),
    image,
  );
  // A set without strangers has an empty one, of which there is nothing to embed.
  const filled = sets.filter(({ count }) => count > 0);
  const { rows, memory: left } = await contender.embed(train, filled, seed, memory);
  const [gallery, probes, heldOutImages, setting, measuring] = sets.map((images) => ({
    images,
    rows: rows[filled.indexOf(images)] ?? new Float32Array(0),
  }));
  const embedded: EmbeddedDivision = {
    seed,
    heldOut: new Set(heldOut.map(({ label }) => label)),
    enrolled: gallery!,
    probes: probes!,
    heldOutImages: heldOutImages!,
    setting: setting!,
    measuring: measuring!,
  };
  return { embedded, memory: left };
}

function meanOf(figures: readonly DecisionFigures[]): DecisionFigures {
  const keys = Object.keys(figures[0]!) as (keyof DecisionFigures)[];
  const mean = (key: keyof DecisionFigures) => figures.reduce((sum, it) => sum + it[key], 0) / figures.length;
  // Every key of the figures is there.
  return Object.fromEntries(keys.map((key) => [key, mean(key)])) as unknown as DecisionFigures;
}

/** The first row is of the net, set by strangers if there are any, at the first target; of nights the last counts. */
function resultOf(
  rows: readonly DecisionRow[],
  { people, strangers }: Crowd,
  seeds: readonly number[],
  { targets, far, nights }: DecisionBenchOptions,
): DecisionBenchResult {
  const images = (of: readonly Person[]) => of.reduce((sum, person) => sum + person.images.length, 0);
  const head = rows.find((row) => row.people === (nights?.at(-1) ?? people.length) && row.target === targets[0])!;
  return {
    'fpir.target': head.target,
    'fpir.true': head.mean.fpir,
    'fpir.upper95': head.mean.fpirUpper95,
    fnir: head.mean.fnir,
    wrongName: head.mean.wrongName,
    rank1: head.mean.rank1,
    'newcomers.right': head.mean.newcomersRight,
    'newcomers.wrong': head.mean.newcomersWrong,
    counts: {
      people: people.length,
      images: images(people),
      strangers: strangers.length,
      strangerImages: images(strangers),
    },
    seeds,
    far,
    rows,
  };
}

function protocol({ divisions, far, nights }: DecisionBenchOptions, hasStrangers: boolean): string {
  const percent = (share: number) => `${100 * share} %`;
  const strangers = hasStrangers
    ? 'Half of the strangers, by person, set the threshold; the other half show what it lets in.'
    : `${percent(STRANGERS_SHARE)} of the people are strangers: never enrolled, they only show what a threshold lets in.`;
  return [
    `${divisions} divisions by a seeded hash. ${percent(ENROLLED_SHARE)} of a person's images are enrolled, the others are probes.`,
    `About ${percent(HELD_OUT_SHARE)} of the enrolled people, ${HELD_OUT_MIN} at least (of few a third), are held out of training.`,
    'They are the newcomers, and set a threshold of their own, each searched among the others.',
    strangers,
    `Verify at ${percent(far)} of comparisons. Bounds over people, 95 %; fewer than ${STRANGERS_MIN} strangers show nothing.`,
    ...(nights ? [`Nights with ${nights.join(', ')} people, each beginning with the net of the one before.`] : []),
    '',
  ].join('\n');
}
