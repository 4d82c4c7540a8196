/**
 * The flat parameter vector of a net plus its classification head (one weight vector per class, at the end; not part of
 * the exported model), its seeded start, and the state that a training step changes.
 */
import { placed, type ParameterSlot, type ResolvedNet } from './nets.ts';
import { createRandom, normal } from '../random.ts';

export interface TrainingSizes {
  readonly net: ResolvedNet;
  readonly classes: number;
}

/** All that training changes: parameters, what the optimiser remembers (m and v), and batch-norm's running averages. */
export interface TrainingState {
  readonly w: Float32Array;
  readonly m: Float32Array;
  readonly v: Float32Array;
  readonly statistics: Float32Array;
}

/** Share of the old running average kept per step; 0.9 settles within the 200 steps of the smallest trainings. */
const STATISTICS_MOMENTUM = 0.9;

export function headSlot({ net, classes }: TrainingSizes): ParameterSlot {
  const { dimensions, parameterCount } = net;
  const spec = { name: 'classes', shape: [classes, dimensions], initial: { he: dimensions } };
  return placed([spec], parameterCount)[0]!;
}

/** In the order of the vector. */
export const allSlots = (sizes: TrainingSizes): readonly ParameterSlot[] => [
  ...sizes.net.leaves.flatMap(({ parameters }) => parameters),
  headSlot(sizes),
];

/**
 * The weight decay of each parameter: none for biases, slopes and the scales and shifts of batch-norm, all of which
 * are vectors (He et al., arXiv:1812.01187, section 3.1, "no bias decay"). Null where nothing decays.
 */
export function decayOf(sizes: TrainingSizes, weightDecay: number): Float32Array | null {
  if (weightDecay === 0) return null;
  const slots = allSlots(sizes);
  const { offset, size } = slots.at(-1)!;
  const decay = new Float32Array(offset + size);
  for (const slot of slots) if (slot.shape.length > 1) decay.fill(weightDecay, slot.offset, slot.offset + slot.size);
  return decay;
}

/** Each parameter draws from its own stream, so that a change of one layer leaves the start of the others alone. */
export function initialState(sizes: TrainingSizes, seed: number): TrainingState {
  const slots = allSlots(sizes);
  const { offset, size } = slots.at(-1)!;
  const w = new Float32Array(offset + size);
  for (const [index, slot] of slots.entries())
    fillInitial(w.subarray(slot.offset, slot.offset + slot.size), slot, seed, index);
  return { w, m: new Float32Array(w.length), v: new Float32Array(w.length), statistics: initialStatistics(sizes.net) };
}

/** New running averages after one batch. */
export function blendStatistics(running: Float32Array, batch: Float32Array): Float32Array {
  return running.map((old, index) => STATISTICS_MOMENTUM * old + (1 - STATISTICS_MOMENTUM) * batch[index]!);
}

function fillInitial(values: Float32Array, { initial }: ParameterSlot, seed: number, index: number): void {
  if ('constant' in initial) {
    values.fill(initial.constant);
    return;
  }
  const random = createRandom(seed, 0, index);
  const deviation = Math.sqrt(2 / initial.he);
  for (let i = 0; i < values.length; i++) values[i] = deviation * normal(random);
}

/** Mean 0 and variance 1 per channel. */
function initialStatistics(net: ResolvedNet): Float32Array {
  const values = new Float32Array(net.statisticsCount);
  for (const { statistics } of net.leaves) {
    const variances = statistics.offset + statistics.channels;
    values.fill(1, variances, variances + statistics.channels);
  }
  return values;
}
