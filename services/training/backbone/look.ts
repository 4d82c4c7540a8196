/**
 * How a net wants its pixels: order of colours, mean, scale and size. From flags, from a preset of a known family, or
 * from the file where it shows that. Nothing is guessed: without any of them the import asks. Called by import.ts.
 */
import type { onnx } from 'onnx-proto';
import { PipelineError } from '../../../contracts/errors.ts';
import { constantsOf } from './graph-tools.ts';
import { PRESET_NAMES, PRESETS, type Preset, type PresetName } from './presets.ts';

export interface Look {
  /** Where it comes from, in words. */
  readonly from: string;
  readonly bgr: boolean;
  /** Of red, green and blue, or one for all. */
  readonly mean: readonly number[];
  readonly scale: readonly number[];
  readonly height: number;
  readonly width: number;
}

export interface LookFlags {
  readonly preset?: PresetName | undefined;
  readonly mean?: readonly number[] | undefined;
  readonly scale?: readonly number[] | undefined;
  readonly bgr?: boolean | undefined;
  readonly size?: { readonly width: number; readonly height: number } | undefined;
}

/** What the file is known by. */
export interface Marks {
  readonly fileName: string;
  readonly producer: string;
}

const FAMILIES: readonly (readonly [pattern: RegExp, preset: PresetName])[] = [
  [/faceres|HSE_FaceRec/i, 'faceres'],
  [/arcface|w600k|glintr?\d|webface/i, 'arcface'],
];

/** The preset that the flags name, or that the names in the file tell; undefined where neither does. */
export function familyOf({ preset }: LookFlags, { fileName, producer }: Marks): PresetName | undefined {
  return preset ?? FAMILIES.find(([pattern]) => pattern.test(fileName) || pattern.test(producer))?.[1];
}

/** `inner`: the net's own input. Throws CONFIG_INVALID where nothing tells what is needed. */
export function lookOf(
  flags: LookFlags,
  marks: Marks,
  model: onnx.IModelProto,
  inner: {
    readonly name: string;
    readonly channels: number;
    readonly isBytes: boolean;
    readonly height: number | null;
    readonly width: number | null;
  },
): Look {
  const family = familyOf(flags, marks);
  const { isBytes } = inner;
  if (isBytes && (flags.mean ?? flags.scale))
    throw new PipelineError(
      'CONFIG_INVALID',
      'backbone: its input is uint8, pixels as they are; omit --mean and --scale',
    );
  const isInside = isBytes || (flags.preset === undefined && normalisesItself(model.graph!, inner.name));
  const preset: Preset | undefined = family && PRESETS[family];
  const range = isInside ? { mean: [0], scale: [1] } : preset;
  const mean = flags.mean ?? range?.mean;
  const scale = flags.scale ?? range?.scale;
  if (mean === undefined || scale === undefined) throw unknown('in which range it wants pixels', '--mean and --scale');
  for (const values of [mean, scale])
    if (values.length !== 1 && values.length !== inner.channels)
      throw new PipelineError('CONFIG_INVALID', `backbone: ${values.length} values for ${inner.channels} channels`);
  const height = inner.height ?? flags.size?.height ?? preset?.side;
  const width = inner.width ?? flags.size?.width ?? preset?.side;
  if (height === undefined || width === undefined) throw unknown('which size of picture it wants', '--size');
  checkSize(flags.size, { height, width });
  const bgr = inner.channels === 3 && (flags.bgr ?? preset?.bgr ?? false);
  const from = isBytes ? 'its input is uint8: pixels as they are' : reasonFor(flags, family, isInside);
  return { from, bgr, mean, scale, height, width };
}

function checkSize(size: LookFlags['size'], { height, width }: { height: number; width: number }): void {
  if (size === undefined || (size.height === height && size.width === width)) return;
  const [given, found] = [`${size.width}x${size.height}`, `${width}x${height}`];
  throw new PipelineError('CONFIG_INVALID', `backbone: --size ${given}, but the file takes ${found}`);
}

function reasonFor({ mean, scale, preset }: LookFlags, family: PresetName | undefined, isInside: boolean): string {
  if (mean && scale) return 'flags';
  if (preset) return `preset ${preset}`;
  if (isInside) return 'the graph normalises its input itself';
  return `preset ${family}, by the names in the file`;
}

const unknown = (what: string, flags: string): PipelineError =>
  new PipelineError(
    'CONFIG_INVALID',
    `backbone: the file does not say ${what}; give ${flags}, or --preset ${PRESET_NAMES.join(', ')}`,
  );

const SHIFTS: readonly string[] = ['Sub', 'Add', 'Mul', 'Div', 'BatchNormalization'];
const PASSES: readonly string[] = ['Identity', 'Transpose'];

/** Whether a constant is taken from the pixels, or multiplied with them, before anything else. */
function normalisesItself(graph: onnx.IGraphProto, input: string): boolean {
  const constants = constantsOf(graph);
  let name = input;
  while (true) {
    const readers = (graph.node ?? []).filter((node) => node.input?.includes(name));
    const [reader] = readers;
    if (reader === undefined || readers.length !== 1) return false;
    const others = reader.input!.filter((other) => other !== name);
    if (SHIFTS.includes(reader.opType ?? '')) return others.every((other) => constants.has(other));
    if (!PASSES.includes(reader.opType ?? '')) return false;
    name = reader.output![0]!;
  }
}
