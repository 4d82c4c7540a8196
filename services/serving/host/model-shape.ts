/**
 * Whether a loaded ONNX model has the form that every training strategy yields (services/training/strategy.ts): input
 * `images` float32 [batch, channels, height, width], output `embeddings` float32 [batch, dimensions]. Pure.
 */
import type { ModelHostOptions } from '../strategy.ts';

export interface ValueShape {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

export function checkModel(
  inputs: readonly ValueShape[],
  outputs: readonly ValueShape[],
  image: ModelHostOptions['image'],
): { readonly dimensions: number } | { readonly problem: string } {
  const { channels, height, width } = image;
  const input = inputs[0];
  const wantedInput = `exactly one input "images" float32 [batch, ${channels}, ${height}, ${width}]`;
  const inputFits = inputs.length === 1 && input?.name === 'images' && isBatchOf(input, [channels, height, width]);
  if (!inputFits) return { problem: `expected ${wantedInput}, found ${describe(inputs)}` };

  const output = outputs.find(({ name }) => name === 'embeddings');
  const dimensions = output?.shape?.[1];
  const wantedOutput = 'an output "embeddings" float32 [batch, dimensions]';
  if (typeof dimensions === 'number' && dimensions > 0 && output && isBatchOf(output, [dimensions])) {
    return { dimensions };
  }
  return { problem: `expected ${wantedOutput}, found ${describe(outputs)}` };
}

/** The batch must be symbolic: a fixed one could take no batch of another size. */
function isBatchOf({ type, shape }: ValueShape, sizes: readonly number[]): boolean {
  if (type !== 'float32' || shape?.length !== sizes.length + 1) return false;
  const [batch, ...rest] = shape;
  return (typeof batch === 'string' || batch === -1) && rest.every((size, axis) => size === sizes[axis]);
}

const describe = (values: readonly ValueShape[]) =>
  values
    .map(({ name, type, shape }) => `"${name}" ${type ?? 'not a tensor'} [${shape?.join(', ') ?? ''}]`)
    .join(', ') || 'none';
