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
import { decodeModel, externalFiles, FLOAT } from '../onnx/encoding.ts';

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

/** Throws MODEL_INVALID naming the file and what does not fit. */
export async function openBackbone(config: BackboneConfig, image: ImageSpec): Promise<Backbone> {
  try {
    const bytes = await readFile(config.path);
    const [external] = externalFiles(bytes);
    if (external !== undefined) throw new Error(`its weights lie in ${external}; export one file`);
    const model = decodeModel(bytes);
    if (!model.graph?.node?.length) throw new Error('there is no graph in it');
    checkOpset(model);
    const digest = createHash('sha256').update(bytes).digest('hex');
    return { config, model, digest, input: inputOf(model.graph, image, config), output: outputOf(model.graph, config) };
  } catch (cause) {
    const reason = (cause as Error).message;
    const message = `training: the backbone ${config.path} (training.backbone.path) cannot be used: ${reason}`;
    throw new PipelineError('MODEL_INVALID', message, { cause });
  }
}

function checkOpset({ opsetImport }: onnx.ModelProto): void {
  const version = Number(opsetImport.find(({ domain }) => !domain || domain === 'ai.onnx')?.version ?? 0);
  if (version >= OPSET_MIN && version <= OPSET_MAX) return;
  throw new Error(`it has ONNX operators of version ${version}; export it with ${OPSET_MIN} to ${OPSET_MAX}`);
}

function inputOf(graph: onnx.IGraphProto, image: ImageSpec, { input }: BackboneConfig): Backbone['input'] {
  // Old files list their weights among the inputs.
  const weights = new Set(graph.initializer?.map(({ name }) => name));
  const inputs = (graph.input ?? []).filter(({ name }) => !weights.has(name));
  const tensor = inputs[0]?.type?.tensorType;
  const sizes = (tensor?.shape?.dim ?? []).map(({ dimValue }) => (dimValue ? Number(dimValue) : null));
  const name = inputs[0]?.name;
  if (inputs.length !== 1 || !name || tensor?.elemType !== FLOAT || sizes.length !== 4)
    throw new Error('it needs exactly one input, float32 [batch, channels, height, width]');
  const [batch, channels = image.channels, height, width] = sizes;
  if (batch !== null) throw new Error(`its batch is fixed at ${batch}; export it with an open one`);
  if (channels !== image.channels && !(channels === 3 && image.channels === 1))
    throw new Error(`it takes ${channels} channels, but image.channels is ${image.channels}`);
  for (const value of [input.mean, input.scale])
    if (Array.isArray(value) && value.length !== channels)
      throw new Error(`training.backbone.input has ${value.length} values for ${channels} channels`);
  return { name, channels: channels ?? image.channels, height: height ?? image.height, width: width ?? image.width };
}

function outputOf(graph: onnx.IGraphProto, { output }: BackboneConfig): string {
  const names = (graph.output ?? []).map(({ name }) => name ?? '');
  if (output === undefined && names.length === 1) return names[0]!;
  if (output !== undefined && names.includes(output)) return output;
  const found = names.map((name) => `"${name}"`).join(', ');
  throw new Error(`its outputs are ${found}; name one in training.backbone.output`);
}
