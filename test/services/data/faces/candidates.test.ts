/** From rows of a detector to one face: scores, suppression, and the choice with its refusals, by hand-computed boxes. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FaceSettingsSchema, type FaceSettings } from '../../../../contracts/configuration/faces.ts';
import { PipelineError } from '../../../../contracts/errors.ts';
import { chooseFace, facesOf, merged, type Face } from '../../../../services/data/faces/candidates.ts';

const WHOLE = { scale: 1, left: 0, top: 0 };

function face(left: number, top: number, side: number, score = 0.9): Face {
  const y = top + 0.4 * side;
  const eyes = [
    { x: left + 0.3 * side, y },
    { x: left + 0.7 * side, y },
  ] as const;
  return { score, left, top, right: left + side, bottom: top + side, eyes };
}

const choose = (faces: readonly Face[], settings: Partial<FaceSettings> = {}, shrunk = 1) =>
  chooseFace(faces, { ...FaceSettingsSchema.parse({}), ...settings }, shrunk, 'it');

function refusal(...given: Parameters<typeof choose>): PipelineError {
  try {
    choose(...given);
  } catch (error) {
    if (error instanceof PipelineError) return error;
  }
  throw new Error('expected a refusal');
}

test('candidates: rows below the least score, without area or not finite are no faces; the best comes first', () => {
  const rows = Float32Array.of(
    ...[0.6, 10, 20, 30, 50, 15, 25, 25, 26],
    ...[0.4, 10, 20, 30, 50, 15, 25, 25, 26],
    ...[0.9, 0, 0, 8, 8, 2, 3, 6, 3],
    ...[0.9, 8, 0, 8, 8, 2, 3, 6, 3],
    ...[NaN, 0, 0, 8, 8, 2, 3, 6, 3],
    ...[0.9, NaN, 0, 8, 8, 2, 3, 6, 3],
  );
  const faces = facesOf(rows, 0.5, WHOLE);
  assert.equal(
    faces.map(({ left, right, bottom }) => [left, right, bottom]),
    [
      [0, 8, 8],
      [10, 30, 50],
    ],
  );
});

test('candidates: what the detector saw is told in pixels of the picture', () => {
  const [found] = facesOf(Float32Array.of(1, 10, 20, 30, 50, 15, 25, 25, 26), 0.5, { scale: 0.5, left: 4, top: 10 });
  assert.equal(found, {
    ...{ score: 1, left: 12, top: 20, right: 52, bottom: 80 },
    eyes: [
      { x: 22, y: 30 },
      { x: 42, y: 32 },
    ],
  });
});

test('candidates: boxes of one face become their mean by score, and a box inside of it goes', () => {
  const [best, shifted, nose] = [face(0, 0, 100, 0.9), face(10, 0, 100, 0.3), face(40, 40, 20, 0.6)];
  const [one, ...others] = merged([best, nose, shifted]);
  assert.is(others.length, 0);
  assert.is(one!.score, 0.9);
  // (0 * .9 + 10 * .3) / 1.2
  assert.ok(Math.abs(one!.left - 2.5) < 1e-9);
  assert.ok(Math.abs(one!.eyes[0].x - 32.5) < 1e-9);
});

test('candidates: faces that touch stay two', () => {
  const two = [face(0, 0, 100, 0.9), face(60, 0, 100, 0.8)];
  assert.equal(
    merged(two).map(({ left }) => left),
    [0, 60],
  );
  assert.equal(merged([]), []);
});

test('candidates: nobody is FACE_NOT_FOUND', () => assert.is(refusal([]).code, 'FACE_NOT_FOUND'));

test('candidates: the largest face is chosen, not the one of the best score', () => {
  assert.is(choose([face(0, 0, 40, 0.99), face(100, 0, 100, 0.6)]).left, 100);
});

test('candidates: a second face of half the side is FACES_SEVERAL, a smaller one is none', () => {
  const { code, message } = refusal([face(0, 0, 100), face(200, 0, 50)]);
  assert.is(code, 'FACES_SEVERAL');
  assert.match(message, /^it: 2 faces/);
  assert.is(choose([face(0, 0, 100), face(200, 0, 49)]).left, 0);
  assert.is(choose([face(0, 0, 100), face(200, 0, 90)], { onSeveral: 'largest' }).left, 0);
});

test('candidates: the least size is of the photograph, not of the picture that it was shrunk to', () => {
  const small = [face(0, 0, 30)];
  assert.is(refusal(small, { sizeMin: 40 }).code, 'FACE_TOO_SMALL');
  assert.is(choose(small, { sizeMin: 40 }, 2).left, 0);
  assert.match(refusal(small, { sizeMin: 61 }, 2).message, /its face is of 60 pixels; at least 61/);
});

test.run();
