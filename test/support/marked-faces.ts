/**
 * Drawn faces whose eyes are a green and a blue mark, and a detector that finds such marks: a real ONNX graph in the form
 * that `nightshift faces import` writes, so that tests of the stage need no package with weights.
 */
import sharp from 'sharp';
import { toDetectorProps } from '../../services/data/faces/file.ts';
import { encodeModel } from '../../services/training/onnx/encoding.ts';
import { GraphBuilder } from '../../services/training/onnx/graph-builder.ts';
import type { Value } from '../../services/training/onnx/graph-writer.ts';

/** Width and height of the detector's input. */
export const DETECTOR_SIDE = 128;
const STRIDE = 8;
/** What one place sees: eyes farther apart than that are not seen together. */
const WINDOW = 48;
const PLACES = DETECTOR_SIDE / STRIDE;
/** Of the middle between the eyes from that of its place: where the score is 0. */
const REACH = 16;

export interface MarkedFace {
  /** Middle between the eyes. */
  readonly x: number;
  readonly y: number;
  /** Between the eyes. */
  readonly apart: number;
  /** Clockwise, in degrees. */
  readonly tilt?: number;
  /** Whom it shows: how far below the eyes lines are drawn, in distances of the eyes. */
  readonly lines?: readonly number[];
}

/** The side of its box, times the distance of the eyes. */
export const BOX_SIDE = 2.4;

/** `checked`: its metadata, which make one detector another. */
export function markDetector(checked = 'by its tests'): Uint8Array {
  const g = new GraphBuilder();
  const images = g.input('images', 'float', [1, 3, DETECTOR_SIDE, DETECTOR_SIDE]);
  // How much more green than the rest, and how much more blue: nothing of grey, and nothing of skin.
  const colours = Float32Array.of(-1, 1, -1, -1, -1, 1).map((weight) => weight / 255);
  const marks = g.node('Relu', [g.node('Conv', [images, g.floats(colours, [2, 3, 1, 1])])]);
  const [mass, across, down] = [() => 1, (x: number) => x, (_: number, y: number) => y].map((weight) =>
    windowSums(g, marks, weight),
  ) as [Value, Value, Value];
  const some = g.add(mass, g.scalar(1e-6));
  const [x, y] = [g.div(across, some), g.div(down, some)];
  const column = (values: Value, mark: 0 | 1) =>
    g.node('Slice', [values, g.integers([mark]), g.integers([mark + 1]), g.integers([1])]);
  const mean = (values: Value) => g.mul(g.add(column(values, 0), column(values, 1)), g.scalar(0.5));
  const length = (a: Value, b: Value) => g.sqrt(g.add(g.mul(a, a), g.mul(b, b)));
  const centred = g.sub(g.scalar(1), g.mul(length(mean(x), mean(y)), g.scalar(1 / REACH)));
  const isUpright = clipped(g, g.sub(column(x, 1), column(x, 0)));
  const isThere = clipped(g, g.mul(g.node('Min', [column(mass, 0), column(mass, 1)]), g.scalar(2)));
  const score = g.mul(g.mul(clipped(g, centred), isUpright), isThere);
  const [placeX, placeY] = placesOf(g);
  const eye = (mark: 0 | 1) => [g.add(column(x, mark), placeX), g.add(column(y, mark), placeY)];
  const apart = length(g.sub(column(x, 1), column(x, 0)), g.sub(column(y, 1), column(y, 0)));
  const half = g.mul(apart, g.scalar(BOX_SIDE / 2));
  const [midX, midY] = [g.add(mean(x), placeX), g.add(mean(y), placeY)];
  const corners = [g.sub(midX, half), g.sub(midY, half), g.add(midX, half), g.add(midY, half)];
  g.output('faces', g.concat([score, ...corners, ...eye(0), ...eye(1)], 1), 'float', [PLACES ** 2, 9]);
  const metadata = toDetectorProps({
    ...{ source: 'marks', digest: '0'.repeat(64), framework: 'test', family: 'marks', channels: 'rgb' },
    ...{ size: `${DETECTOR_SIDE}x${DETECTOR_SIDE}`, mean: '0', scale: '1', anchors: `${STRIDE}x1` },
    ...{ landmarks: 'eyes', checked },
  });
  return encodeModel(g.build('marks'), { metadata });
}

/** [places, 2]: in each place's window the sum of both marks, each pixel by `weight` of its distance from the middle. */
function windowSums(g: GraphBuilder, marks: Value, weight: (x: number, y: number) => number): Value {
  const kernel = new Float32Array(2 * WINDOW * WINDOW);
  for (let at = 0; at < kernel.length; at++) {
    const pixel = at % (WINDOW * WINDOW);
    const middle = (place: number) => place + 0.5 - WINDOW / 2;
    kernel[at] = weight(middle(pixel % WINDOW), middle(Math.floor(pixel / WINDOW)));
  }
  const pad = (WINDOW - STRIDE) / 2;
  const attributes = { group: 2, strides: [STRIDE, STRIDE], pads: [pad, pad, pad, pad] };
  const sums = g.node('Conv', [marks, g.floats(kernel, [2, 1, WINDOW, WINDOW])], { attributes });
  return g.node('Transpose', [g.reshape(sums, [2, -1])], { attributes: { perm: [1, 0] } });
}

const clipped = (g: GraphBuilder, x: Value): Value => g.node('Clip', [x, g.scalar(0), g.scalar(1)]);

function placesOf(g: GraphBuilder): [Value, Value] {
  const middles = (of: (place: number) => number) =>
    g.floats(
      Float32Array.from({ length: PLACES ** 2 }, (_, place) => (of(place) + 0.5) * STRIDE),
      [PLACES ** 2, 1],
    );
  return [middles((place) => place % PLACES), middles((place) => Math.floor(place / PLACES))];
}

/** A grey picture with these faces in it, as a file. */
export function drawMarked(
  { width, height }: { readonly width: number; readonly height: number },
  faces: readonly MarkedFace[],
): Promise<Buffer> {
  const heads = faces.map(({ x, y, apart, tilt = 0, lines = [0.5, 0.7, 0.9] }) => {
    const eye = (side: number, colour: string) =>
      `<circle cx="${(side * apart) / 2}" cy="0" r="${apart / 6}" fill="${colour}"/>`;
    const drawn = lines.map(
      (at) => `<path d="M${-0.4 * apart} ${at * apart} H${0.4 * apart}" stroke="#333" stroke-width="${apart / 12}"/>`,
    );
    const head = `<ellipse cy="${apart * 0.3}" rx="${apart}" ry="${1.3 * apart}" fill="#b9a090"/>`;
    return `<g transform="translate(${x} ${y}) rotate(${tilt})">${head}${eye(-1, '#0f0')}${eye(1, '#00f')}${drawn.join('')}</g>`;
  });
  const size = `width="${width}" height="${height}"`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" ${size}><rect ${size} fill="#777"/>${heads.join('')}</svg>`;
  return sharp(Buffer.from(svg)).removeAlpha().png().toBuffer();
}
