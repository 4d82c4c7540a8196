/**
 * One ONNX file around a net: `images` [batch, channels, height, width] 0..255 of any size to `features` [batch, n], with
 * crop, size, order of colours, mean and scale inside. Called by import.ts, and by the crop search with the crop left open.
 */
import type { onnx } from 'onnx-proto';
import { encodeModel, opsetOf } from '../onnx/encoding.ts';
import { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph-writer.ts';
import { renamed } from '../onnx/rename.ts';
import { partFor } from './graph-tools.ts';
import type { Look } from './look.ts';

/** Shares of the picture; beyond 0..1 its edge goes on. */
export interface Crop {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}
export const WHOLE: Crop = { left: 0, top: 0, width: 1, height: 1 };

/** A net of operators from 13 on, and the names of what it takes and gives. */
export interface Net {
  readonly model: onnx.IModelProto;
  readonly input: {
    readonly name: string;
    readonly channels: number;
    readonly isChannelsLast: boolean;
    /** The file took bytes: the net takes floats 0..255 and rounds them. */
    readonly isBytes: boolean;
  };
  readonly output: string;
}

const PREFIX = 'net/';

/** The input `crop` of a search: what `regionOf` gives. */
export const CROP_INPUT = 'crop';

export function assemble(
  { model, input, output }: Net,
  look: Look,
  crop: Crop | 'open',
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const g = new GraphBuilder({ opset: opsetOf(model) });
  const images = g.input('images', 'float', ['batch', input.channels, 'height', 'width']);
  const region = crop === 'open' ? g.input(CROP_INPUT, 'float', [4]) : g.floats(regionOf(crop), [4]);
  let x = normalised(g, seen(g, images, region, look), look);
  if (input.isChannelsLast) x = g.node('Transpose', [x], { attributes: { perm: [0, 2, 3, 1] } });
  const rename = (name: string) => (name === input.name ? x : PREFIX + name);
  g.include(renamed(partFor(model.graph!, output), rename));
  const features = g.node('Flatten', [rename(output)], { attributes: { axis: 1 } });
  g.output('features', features, 'float', ['batch', 'features']);
  return encodeModel(g.build('backbone'), {
    metadata,
    around: { opsetImport: model.opsetImport ?? [], functions: model.functions ?? [] },
  });
}

export const regionOf = ({ left, top, width, height }: Crop): Float32Array => Float32Array.of(left, top, width, height);

/** The part of the picture that the net sees, in its size: bilinear, and smoothed where that is smaller, as PIL does it. */
function seen(g: GraphBuilder, images: Value, region: Value, { height, width }: Look): Value {
  const shape = g.node('Shape', [images]);
  const down = samplingMatrix(g, { size: at(g, shape, 2), start: at(g, region, 1), extent: at(g, region, 3) }, height);
  const across = samplingMatrix(g, { size: at(g, shape, 3), start: at(g, region, 0), extent: at(g, region, 2) }, width);
  return g.node('MatMul', [g.node('MatMul', [down, images]), g.node('Transpose', [across])]);
}

/**
 * [count, size]: how much of each pixel of a side goes into each of `count` places along a part of it. A matrix product
 * and not Resize, because onnxruntime's copies the whole picture where both sizes are equal, whatever the part is.
 */
function samplingMatrix(
  g: GraphBuilder,
  side: Readonly<Record<'size' | 'start' | 'extent', Value>>,
  count: number,
): Value {
  const size = g.castToFloat(side.size);
  const places = Float32Array.from({ length: count }, (_, place) => (place + 0.5) / count);
  const shares = g.add(g.mul(g.floats(places, [count, 1]), side.extent), side.start);
  // Pixel j has its middle at j + 0.5. Beyond the picture its edge goes on.
  const middles = g.sub(g.mul(shares, size), g.scalar(0.5));
  const inside = g.node('Min', [g.node('Max', [middles, g.scalar(0)]), g.sub(size, g.scalar(1))]);
  const pixels = g.node('Range', [g.scalar(0), g.node('Squeeze', [size]), g.scalar(1)]);
  const reach = g.node('Max', [g.mul(g.mul(side.extent, size), g.scalar(1 / count)), g.scalar(1)]);
  const distance = g.div(g.node('Abs', [g.sub(inside, pixels)]), reach);
  const weights = g.node('Relu', [g.sub(g.scalar(1), distance)]);
  return g.div(weights, g.sum(weights, [1]));
}

/** The one value at a place of a vector, as a vector. */
const at = (g: GraphBuilder, vector: Value, place: number): Value =>
  g.node('Slice', [vector, g.integers([place]), g.integers([place + 1])]);

function normalised(g: GraphBuilder, pixels: Value, { mean, scale, bgr }: Look): Value {
  const perChannel = (values: readonly number[]) => g.floats(Float32Array.from(values), [1, values.length, 1, 1]);
  let x = pixels;
  if (mean.some((value) => value !== 0)) x = g.sub(x, perChannel(mean));
  if (scale.some((value) => value !== 1)) x = g.mul(x, perChannel(scale));
  return bgr ? g.node('Gather', [x, g.integers([2, 1, 0])], { attributes: { axis: 1 } }) : x;
}
