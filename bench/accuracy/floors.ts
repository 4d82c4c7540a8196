/**
 * Recognition without a net on the same images: plain pixels, and Fisherfaces fitted on what the net is
 * trained on. A net that stays below them learns nothing of use. Called by accuracy.ts.
 */
import type { LabelledImages } from '../../services/data/strategy.ts';
import { rank1ByImage, verifyPairs, type VerificationFigures } from '../support/comparison.ts';
import { closedSet, openSet, type Faces } from '../support/faces.ts';
import { pixelRows } from '../support/pixel-rows.ts';
import { fitFisherfaces, type Projection } from './fisherfaces.ts';

export interface Floor {
  readonly rank1: number;
  readonly open: VerificationFigures;
}
export interface Floors {
  readonly rawPixels: Floor;
  readonly lda: Floor;
}

export function measureFloors(faces: Faces): Floors {
  return { rawPixels: floorOf(faces, () => (rows) => rows), lda: floorOf(faces, fitted) };
}

/** `fit` makes a projection of pixel rows from the images to learn. */
function floorOf(faces: Faces, fit: (train: LabelledImages) => Projection): Floor {
  const { train, probes } = closedSet(faces);
  const { train: others, unseen } = openSet(faces);
  const [closed, open] = [fit(train), fit(others)];
  const embedded = (images: LabelledImages, project: Projection) => ({ rows: project(pixelRows(images)), images });
  return {
    rank1: rank1ByImage(embedded(train, closed), embedded(probes, closed)),
    open: verifyPairs(embedded(unseen, open)),
  };
}

const fitted = (train: LabelledImages): Projection =>
  fitFisherfaces({ rows: pixelRows(train), classes: train.classes });
