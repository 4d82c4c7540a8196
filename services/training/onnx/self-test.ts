/**
 * Whether an engine computes what it should: one step of a small net with every kind of layer, beside an engine that is
 * trusted. Graphics drivers and fast paths with few bits do go wrong, and a training would learn from it without a word.
 * Called by onnx/providers.ts before a provider trains.
 */
import type { Layer } from '../../../contracts/configuration/layers.ts';
import type { EngineFactory, EngineSpec } from '../loop/engine.ts';
import { withMasks } from '../loop/masks.ts';
import { resolveNet } from '../nets/nets.ts';
import { allSlots, initialState, type TrainingState } from '../nets/parameters.ts';
import { createRandom, normal } from '../random.ts';

/**
 * Largest error of the loss, of a parameter's gradient and of the batch statistics, as relative L2. Products with ten
 * bits (TF32, the default of CUDA) come to about 1e-3; a wrong formula is off by far more.
 */
export const SELF_TEST_ERROR_MAX = 1e-2;

const NET: readonly Layer[] = [
  { type: 'conv', filters: 8, kernel: 3, stride: 1 },
  { type: 'batch-norm' },
  { type: 'max-pool' },
  { type: 'prelu' },
  {
    type: 'residual',
    layers: [
      { type: 'depthwise-conv', kernel: 3, stride: 2 },
      { type: 'batch-norm' },
      { type: 'relu' },
      { type: 'conv', filters: 12, kernel: 1, stride: 1 },
    ],
    shortcut: [{ type: 'conv', filters: 12, kernel: 3, stride: 2 }],
  },
  { type: 'average-pool' },
  { type: 'flatten' },
  { type: 'dropout', rate: 0.2 },
  { type: 'dense', units: 16 },
  { type: 'l2-normalise' },
];
const IMAGES = 8;
const CLASSES = 5;
/** Plain SGD at rate 1, so that the step is the gradient itself. */
const RATE = 1;

interface Answer {
  readonly loss: number;
  readonly state: TrainingState;
}

/** The fault of `suspect`, or null. Throws what `suspect` throws. */
export async function selfTest(suspect: EngineFactory, trusted: EngineFactory): Promise<string | null> {
  const spec: EngineSpec = {
    net: resolveNet([...NET], { width: 16, height: 16, channels: 1 }),
    classes: CLASSES,
    batch: IMAGES,
    microBatch: IMAGES,
    loss: { type: 'cosface', scale: 8, margin: 0.2, labelSmoothing: 0.1 },
    optimizer: { type: 'sgd', momentum: 0, weightDecay: 0 },
    threads: 1,
  };
  const start = initialState(spec, 1);
  const actual = await takeStep(suspect, spec, start);
  const expected = await takeStep(trusted, spec, start);
  return compare(spec, start, actual, expected);
}

async function takeStep(factory: EngineFactory, spec: EngineSpec, start: TrainingState): Promise<Answer> {
  const random = createRandom(2);
  const { width, height } = spec.net.image;
  const images = Float32Array.from({ length: IMAGES * width * height }, () => normal(random));
  const classes = Int32Array.from({ length: IMAGES }, (_, index) => index % CLASSES);
  // A copy: an engine may write into the state that it is given.
  const engine = await factory.create(spec, structuredClone(start));
  try {
    const loss = await engine.step(withMasks({ images, classes }, spec.net, 1, 1), RATE, 1);
    return { loss, state: structuredClone(await engine.state()) };
  } finally {
    await engine.dispose();
  }
}

function compare(spec: EngineSpec, start: TrainingState, actual: Answer, expected: Answer): string | null {
  const gradient = ({ state }: Answer) => state.w.map((value, index) => start.w[index]! - value);
  const [ours, theirs] = [gradient(actual), gradient(expected)];
  const slots = allSlots(spec).map(({ name, offset, size }, index) => {
    const part = (values: Float32Array) => values.subarray(offset, offset + size);
    return [`the gradient of parameter ${index} (${name})`, part(ours), part(theirs)] as const;
  });
  const pairs = [
    ['the loss', Float32Array.of(actual.loss), Float32Array.of(expected.loss)] as const,
    ...slots,
    ['the batch statistics', actual.state.statistics, expected.state.statistics] as const,
  ];
  for (const [what, values, wanted] of pairs) {
    const error = length(values.map((value, index) => value - wanted[index]!)) / length(wanted);
    // Written so that an error that is no number is refused, too.
    if (!(error <= SELF_TEST_ERROR_MAX))
      return `${what} is off by ${error.toPrecision(2)} (relative L2; at most ${SELF_TEST_ERROR_MAX})`;
  }
  return null;
}

const length = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
