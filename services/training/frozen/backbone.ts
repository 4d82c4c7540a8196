/**
 * Opens the ONNX file of a frozen backbone and says what it takes and gives, or why it cannot serve as one. Reads the
 * file only; whether it runs shows when the first features are made (features.ts).
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { onnx } from 'onnx-proto';
import { PipelineError } from '../../../contracts/errors.ts';
import type { BackboneConfig } from '../../../contracts/configuration/training.ts';
import type { ImageSpec } from '../../../contracts/dataset.ts';
import { FLOAT16, UINT8 } from '../backbone/element-types.ts';
import { readBackboneMetadata, type BackboneMetadata } from '../backbone/metadata.ts';
import { readOnnx } from '../backbone/onnx-file.ts';
import { elementTypeName, FLOAT, opsetOf } from '../onnx/encoding.ts';

export interface Backbone {
  readonly config: BackboneConfig;
  readonly model: onnx.ModelProto;
  /** SHA-256 of the file. */
  readonly digest: string;
  /** Its only input, with the pipeline's sizes where it leaves them open. */
  readonly input: { readonly name: string; readonly channels: number; readonly height: number; readonly width: number };
  /** Name of the output with the features. */
  readonly output: string;
}

/** From the first with reductions that take their axes as an input, as our own nodes do, to what onnxruntime 1.30 runs. */
const OPSET_MIN = 13;
const OPSET_MAX = 26;
const CONVERTED_TYPES: readonly number[] = [FLOAT16, UINT8];
const IMPORT = 'nightshift backbone import';

/** Throws MODEL_INVALID naming the file and what does not fit. */
export async function openBackbone(config: BackboneConfig, image: ImageSpec): Promise<Backbone> {
  try {
    const bytes = await readFile(config.path);
    const model = readOnnx(bytes);
    checkOpset(model);
    checkRange(config, readBackboneMetadata(model));
    const digest = createHash('sha256').update(bytes).digest('hex');
    return {
      config,
      model,
      digest,
      input: inputOf(model.graph!, image, config),
      output: outputOf(model.graph!, config),
    };
  } catch (cause) {
    const reason = (cause as Error).message;
    const message = `training: the backbone ${config.path} (training.backbone.path) cannot be used: ${reason}`;
    throw new PipelineError('MODEL_INVALID', message, { cause });
  }
}

function checkOpset(model: onnx.ModelProto): void {
  const version = opsetOf(model);
  if (version >= OPSET_MIN && version <= OPSET_MAX) return;
  const found = `it has ONNX operators of version ${version}`;
  throw new Error(`${found}; export it with ${OPSET_MIN} to ${OPSET_MAX}, or let \`${IMPORT}\` convert it`);
}

/** An imported file has its mean and scale inside; given again they would count twice. */
function checkRange({ input: { mean, scale } }: BackboneConfig, imported: BackboneMetadata | null): void {
  if (imported === null) return;
  const isGiven = [mean].flat().some((value) => value !== 0) || [scale].flat().some((value) => value !== 1);
  if (!isGiven) return;
  const own = `(pixel - ${imported.mean}) * ${imported.scale}`;
  throw new Error(`it was imported with its own range, ${own}; leave out training.backbone.input, or import it anew`);
}

function inputOf(graph: onnx.IGraphProto, image: ImageSpec, { input }: BackboneConfig): Backbone['input'] {
  // Old files list their weights among the inputs.
  const weights = new Set(graph.initializer?.map(({ name }) => name));
  const inputs = (graph.input ?? []).filter(({ name }) => !weights.has(name));
  const tensor = inputs[0]?.type?.tensorType;
  const sizes = (tensor?.shape?.dim ?? []).map(({ dimValue }) => (dimValue ? Number(dimValue) : null));
  const name = inputs[0]?.name;
  const isConverted = inputs.length === 1 && CONVERTED_TYPES.includes(tensor?.elemType ?? 0);
  if (isConverted) throw new Error(`it needs an input of float; ${foundInputs(inputs)}; \`${IMPORT}\` converts it`);
  if (inputs.length !== 1 || !name || tensor?.elemType !== FLOAT || sizes.length !== 4)
    throw new Error(`it needs exactly one input, float [batch, channels, height, width]; ${foundInputs(inputs)}`);
  const [batch, channels = image.channels, height, width] = sizes;
  if (batch !== null) throw new Error(`its batch is fixed at ${batch}; \`${IMPORT}\` opens it`);
  const last = sizes[3];
  if (channels !== 1 && channels !== 3 && (last === 1 || last === 3))
    throw new Error(`it takes channels last (NHWC); ${foundInputs(inputs)}; \`${IMPORT}\` turns it`);
  if (channels !== image.channels && !(channels === 3 && image.channels === 1))
    throw new Error(`it takes ${channels} channels, but image.channels is ${image.channels}`);
  for (const value of [input.mean, input.scale])
    if (Array.isArray(value) && value.length !== channels)
      throw new Error(`training.backbone.input has ${value.length} values for ${channels} channels`);
  return { name, channels: channels ?? image.channels, height: height ?? image.height, width: width ?? image.width };
}

/** In words. */
function foundInputs(inputs: readonly onnx.IValueInfoProto[]): string {
  const texts = inputs.map(({ name, type }) => {
    const sizes = (type?.tensorType?.shape?.dim ?? []).map(({ dimValue, dimParam }) =>
      String(dimValue || dimParam || '?'),
    );
    return `${name} ${elementTypeName(type?.tensorType?.elemType ?? 0)} [${sizes.join(', ')}]`;
  });
  return `found ${texts.join('; ') || 'none'}`;
}

function outputOf(graph: onnx.IGraphProto, { output }: BackboneConfig): string {
  const names = (graph.output ?? []).map(({ name }) => name ?? '');
  if (output === undefined && names.length === 1) return names[0]!;
  if (output !== undefined && names.includes(output)) return output;
  const found = names.map((name) => `"${name}"`).join(', ');
  throw new Error(`its outputs are ${found}; name one in training.backbone.output`);
}
