/**
 * One ONNX file around a detector: `images` [1, 3, height, width] 0..255 to `faces` [n, ROW_VALUES], with order of colours,
 * range, anchors and the sigmoid of its scores inside. Called by import.ts.
 */
import type { onnx } from 'onnx-proto';
import { encodeModel } from '../../../training/onnx/encoding.ts';
import { GraphBuilder } from '../../../training/onnx/graph-builder.ts';
import type { Value } from '../../../training/onnx/graph-writer.ts';
import { renamed } from '../../../training/onnx/rename.ts';
import { outputsOf, placesOf, type Family, type Grid } from './families.ts';

export interface DetectorNet {
  readonly model: onnx.IModelProto;
  /** Its outputs by name, a row of values each. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Width and height of its input. */
  readonly side: number;
}

const INPUT = 'images';
const PREFIX = 'net/';

/** Throws an Error if the net's outputs are not those of the family. */
export function assembleDetector(
  { model, sizes, side }: DetectorNet,
  family: Family,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const outputs = outputsOf(family, sizes);
  if (outputs === null) throw new Error(`its outputs are not those of ${family.name}`);
  const g = new GraphBuilder();
  const images = g.input(INPUT, 'float', [1, 3, side, side]);
  const pixels = g.mul(g.sub(images, g.scalar(family.mean)), g.scalar(family.scale));
  const x = family.bgr ? g.node('Gather', [pixels, g.integers([2, 1, 0])], { attributes: { axis: 1 } }) : pixels;
  const rename = (name: string) => (name === INPUT ? x : PREFIX + name);
  g.include(renamed(model.graph!, rename));
  const rows = outputs.map(({ scores, boxes, grid }) =>
    rowsOf(g, family, grid, side, { scores: rename(scores), boxes: rename(boxes) }),
  );
  g.output('faces', g.concat(rows, 0), 'float', ['faces', 9]);
  return encodeModel(g.build('detector'), { metadata });
}

function rowsOf(
  g: GraphBuilder,
  { values, eyes: [one, other] }: Family,
  grid: Grid,
  side: number,
  net: { readonly scores: Value; readonly boxes: Value },
): Value {
  const count = placesOf(grid);
  const boxes = g.reshape(net.boxes, [count, values]);
  const middles = g.floats(middlesOf(grid, side), [count, 2]);
  const pair = (from: number) => g.node('Slice', [boxes, g.integers([from]), g.integers([from + 2]), g.integers([1])]);
  const point = (index: number) => g.add(pair(4 + 2 * index), middles);
  const centre = g.add(pair(0), middles);
  const half = g.mul(pair(2), g.scalar(0.5));
  const score = g.node('Sigmoid', [g.reshape(net.scores, [count, 1])]);
  return g.concat([score, g.sub(centre, half), g.add(centre, half), point(one), point(other)], 1);
}

/** x and y of the middle of each box's place, row by row, in pixels of the input. */
export function middlesOf(grid: Grid, side: number): Float32Array {
  const stride = side / grid.side;
  return Float32Array.from({ length: 2 * placesOf(grid) }, (_, at) => {
    const place = Math.floor(at / 2 / grid.boxes);
    return ((at % 2 === 0 ? place % grid.side : Math.floor(place / grid.side)) + 0.5) * stride;
  });
}
