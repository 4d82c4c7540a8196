/**
 * The floor that a net has to beat: Fisherfaces (Belhumeur, Hespanha and Kriegman 1997, doi:10.1109/34.598228), which
 * is PCA to few enough components for the scatter within classes to have full rank, then Fisher's discriminant. Both
 * are fitted on labelled rows. Called by floors.ts; deterministic.
 */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

export interface LabelledRows {
  /** [classes.length, dimensions] */
  readonly rows: Float32Array;
  readonly classes: Int32Array;
}

/** [count, dimensions] to [count, classes - 1], rows of length 1. */
export type Projection = (rows: Float32Array) => Float32Array;

/** Fewer than the images less the people, which is the most that is well-posed, did better on unseen images. */
const COMPONENTS_MAX = 100;
/**
 * Share of the mean variance within classes that is added to every direction: the directions in which few images
 * happen not to vary within a person would otherwise count for everything.
 */
const SHRINKAGE = 0.1;

export function fitFisherfaces({ rows, classes }: LabelledRows): Projection {
  const images = matrixOf(rows, classes.length);
  const mean = images.mean('column');
  const people = new Set(classes).size;
  const centred = images.subRowVector(mean);
  const { points, weights } = principalComponents(centred, Math.min(COMPONENTS_MAX, classes.length - people));
  const axes = centred.transpose().mmul(weights.mmul(discriminants(points, classes, people - 1)));
  return (others) => {
    const count = others.length / mean.length;
    const projected = matrixOf(others, count).subRowVector(mean).mmul(axes);
    return unitRows(projected);
  };
}

/**
 * By the products of the images among themselves, which are far fewer than the pixels. `points` [images, components]
 * are the images' coordinates; a component is the sum of the images by their `weights` [images, components].
 */
function principalComponents(centred: Matrix, components: number) {
  const { values, vectors } = largest(centred.mmul(centred.transpose()), components);
  const lengths = values.map(Math.sqrt);
  return {
    points: vectors.clone().mulRowVector(lengths),
    weights: vectors.divRowVector(lengths),
  };
}

/** [components, axes]: the most variance between classes after the variance within them is brought to 1. */
function discriminants(points: Matrix, classes: Int32Array, axes: number): Matrix {
  const { within, between } = scatter(points, classes);
  const ridge = (SHRINKAGE * within.trace()) / within.rows;
  const { values, vectors } = largest(Matrix.add(within, Matrix.eye(within.rows).mul(ridge)), within.rows);
  const whitening = vectors.mulRowVector(values.map((value) => 1 / Math.sqrt(value)));
  const whitened = whitening.transpose().mmul(between).mmul(whitening);
  return whitening.mmul(largest(whitened, axes).vectors);
}

/** Points are centred: the mean of all of them is 0. */
function scatter(points: Matrix, classes: Int32Array): { readonly within: Matrix; readonly between: Matrix } {
  const means = Matrix.zeros(points.rows, points.columns);
  for (const person of new Set(classes)) {
    const own = [...classes.keys()].filter((index) => classes[index] === person);
    const mean = points.selection(own, [...Array(points.columns).keys()]).mean('column');
    for (const index of own) means.setRow(index, mean);
  }
  const around = Matrix.sub(points, means);
  return { within: around.transpose().mmul(around), between: means.transpose().mmul(means) };
}

/** Smaller eigenvalues, as a share of the largest, are rounding: nothing varies in their direction. */
const RANK_TOLERANCE = 1e-9;

/** The largest eigenvalues of a symmetric matrix that is nowhere negative, and their vectors, as columns. */
function largest(symmetric: Matrix, count: number): { readonly values: number[]; readonly vectors: Matrix } {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(symmetric, { assumeSymmetric: true });
  const least = RANK_TOLERANCE * Math.max(...realEigenvalues);
  const order = [...realEigenvalues.keys()]
    .filter((index) => realEigenvalues[index]! > least)
    .sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!)
    .slice(0, count);
  return { values: order.map((index) => realEigenvalues[index]!), vectors: eigenvectorMatrix.subMatrixColumn(order) };
}

function matrixOf(rows: Float32Array, count: number): Matrix {
  const width = rows.length / count;
  return new Matrix(Array.from({ length: count }, (_, row) => [...rows.subarray(row * width, (row + 1) * width)]));
}

function unitRows(matrix: Matrix): Float32Array {
  const lengths = matrix.to2DArray().map((row) => Math.hypot(...row));
  return Float32Array.from(matrix.divColumnVector(lengths).to1DArray());
}
