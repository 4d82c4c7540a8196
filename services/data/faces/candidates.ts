/**
 * From a detector's rows to the one face that counts: rows below the least score go, those that mean the same face become
 * one, and what is left is chosen from or refused. Pure. Called by stage.ts.
 */
import type { FaceSettings } from '../../../contracts/configuration/faces.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { ROW_VALUES } from './file.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** In pixels of whatever picture it was brought to. */
export interface Face {
  readonly score: number;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  /** On the left where the face is upright, and the other one. */
  readonly eyes: readonly [Point, Point];
}

/** Where the picture lies in the detector's input: `scale` pixels of it for one of the picture's, from left and top on. */
export interface Placement {
  readonly scale: number;
  readonly left: number;
  readonly top: number;
}

/** Two boxes mean one face if so much of the smaller one lies in the larger one: a nose in a face is no second face. */
const INSIDE_MIN = 0.5;
/** Of such boxes, those that have so much in common are averaged: single ones tremble by a pixel or two. */
const COMMON_MIN = 0.3;
/** A face is a second one if its side is so much of the largest one's: people behind a person are none at the door. */
const SECOND_SIDE_MIN = 0.5;

/** All faces of at least this score in pixels of the picture, the best first. */
export function facesOf(rows: Float32Array, scoreMin: number, { scale, left, top }: Placement): Face[] {
  const faces: Face[] = [];
  const across = (x: number) => (x - left) / scale;
  const down = (y: number) => (y - top) / scale;
  for (let at = 0; at < rows.length; at += ROW_VALUES) {
    const [score, x0, y0, x1, y1, ax, ay, bx, by] = rows.subarray(at, at + ROW_VALUES) as unknown as Row;
    if (!(score >= scoreMin) || !(x1 > x0) || !(y1 > y0)) continue;
    const eyes = [
      { x: across(ax), y: down(ay) },
      { x: across(bx), y: down(by) },
    ] as const;
    faces.push({ score, left: across(x0), top: down(y0), right: across(x1), bottom: down(y1), eyes });
  }
  return faces.sort((a, b) => b.score - a.score);
}

type Row = readonly [number, number, number, number, number, number, number, number, number];

/** Non-maximum suppression: one face for all boxes that mean it. `faces`: the best first, and so is the result. */
export function merged(faces: readonly Face[]): Face[] {
  const results: Face[] = [];
  let left = faces;
  while (left.length > 0) {
    const best = left[0]!;
    results.push(meanOf(left.filter((face) => common(best, face) >= COMMON_MIN)));
    left = left.filter((face) => inside(best, face) < INSIDE_MIN);
  }
  return results;
}

/**
 * The face that the photograph is of. Throws FACE_NOT_FOUND, FACES_SEVERAL or FACE_TOO_SMALL. `shrunk`: pixels of the
 * photograph for one of the picture in which the faces lie.
 */
export function chooseFace(
  faces: readonly Face[],
  { onSeveral, sizeMin }: FaceSettings,
  shrunk: number,
  what: string,
): Face {
  const [largest, ...others] = faces.toSorted((a, b) => sideOf(b) - sideOf(a));
  if (largest === undefined) throw new PipelineError('FACE_NOT_FOUND', `${what}: no face is found in it`);
  const count = 1 + others.filter((face) => sideOf(face) >= SECOND_SIDE_MIN * sideOf(largest)).length;
  if (count > 1 && onSeveral === 'refuse')
    throw new PipelineError('FACES_SEVERAL', `${what}: ${count} faces are in it; one is needed`);
  const side = Math.round(shrunk * sideOf(largest));
  if (side < sizeMin)
    throw new PipelineError('FACE_TOO_SMALL', `${what}: its face is of ${side} pixels; at least ${sizeMin} are needed`);
  return largest;
}

/** The shorter one. */
export const sideOf = ({ left, top, right, bottom }: Face): number => Math.min(right - left, bottom - top);

function meanOf(faces: readonly Face[]): Face {
  const total = faces.reduce((sum, { score }) => sum + score, 0);
  const mean = (of: (face: Face) => number) => faces.reduce((sum, face) => sum + of(face) * face.score, 0) / total;
  const eye = (which: 0 | 1): Point => ({
    x: mean(({ eyes }) => eyes[which].x),
    y: mean(({ eyes }) => eyes[which].y),
  });
  return {
    score: faces[0]!.score,
    ...{ left: mean(({ left }) => left), top: mean(({ top }) => top) },
    ...{ right: mean(({ right }) => right), bottom: mean(({ bottom }) => bottom) },
    eyes: [eye(0), eye(1)],
  };
}

const areaOf = ({ left, top, right, bottom }: Face): number => (right - left) * (bottom - top);

function shared(a: Face, b: Face): number {
  const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return Math.max(0, across) * Math.max(0, down);
}

const common = (a: Face, b: Face): number => shared(a, b) / (areaOf(a) + areaOf(b) - shared(a, b));
const inside = (a: Face, b: Face): number => shared(a, b) / Math.min(areaOf(a), areaOf(b));
