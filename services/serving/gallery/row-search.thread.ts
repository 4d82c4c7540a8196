/**
 * The thread that narrows a search among very many rows down to the few that may be best: products of rows and probe in
 * 8-bit integers by one matrix product of onnxruntime, with a bound of what rounding can have changed. No row that is
 * among the best is ever left out; the caller tells by exact products which of the named rows are. Started by
 * row-search.ts.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { FromSearchThread, SearchThreadData, ToSearchThread } from './row-search.messages.ts';

if (!parentPort) throw new Error('row-search.thread.ts runs as a worker thread only');
const port = parentPort;
// The parent, row-search.ts, passes exactly this.
const { graph, dimensions } = workerData.data as SearchThreadData;

const ROW_CODE_MAX = 127;
/**
 * Codes of probes are 1..127 around this. Half the range: some processors add pairs of products in 16 bits, which must
 * not overflow.
 */
const PROBE_ZERO = 64;
const PROBE_CODE_MAX = 63;
/** Rounding of the few products in float32; a thousand times what it can be. */
const SLACK = 1e-4;
/** Room beyond the rows is multiplied as well. */
const GROWTH = 1.25;

/** [dimensions, capacity]: one row with all rows is three times as fast as all rows with one column. */
let codes = new Int8Array(0);
let capacity = 0;
let count = 0;
/**
 * Of each row: value of one step of its codes, the share of the probe's zero, and the length that rounding took from
 * it.
 */
let steps = new Float32Array(0);
let shifts = new Float32Array(0);
let losses = new Float32Array(0);

const session = await InferenceSession.create(graph, { intraOpNumThreads: 1, interOpNumThreads: 1 });
const say = (message: FromSearchThread) => port.postMessage(message);
let turn = Promise.resolve();
port.on('message', (message: ToSearchThread) => {
  turn = turn.then(() => handle(message));
});

async function handle(message: ToSearchThread): Promise<void> {
  switch (message.type) {
    case 'set':
      return setRows(message.first, message.rows);
    case 'truncate':
      // Room without a row: its score is -Infinity, whatever stands there.
      shifts.fill(Infinity, message.count, count);
      count = message.count;
      return;
    case 'search':
      return say({ type: 'found', id: message.id, rows: await search(message.probe, message.best) });
    case 'close':
      await session.release();
      port.close();
  }
}

function setRows(first: number, rows: Float32Array): void {
  const end = first + rows.length / dimensions;
  if (end > capacity) grow(Math.max(end, Math.ceil(GROWTH * capacity)));
  count = Math.max(count, end);
  for (let row = first; row < end; row++) encode(rows, (row - first) * dimensions, row);
}

function encode(values: Float32Array, offset: number, row: number): void {
  let max = 0;
  for (let d = 0; d < dimensions; d++) max = Math.max(max, Math.abs(values[offset + d]!));
  const step = Math.fround(max / ROW_CODE_MAX) || 1;
  let loss = 0;
  let sum = 0;
  for (let d = 0; d < dimensions; d++) {
    const code = Math.max(-ROW_CODE_MAX, Math.min(ROW_CODE_MAX, Math.round(values[offset + d]! / step)));
    codes[d * capacity + row] = code;
    sum += code;
    loss += (values[offset + d]! - code * step) ** 2;
  }
  steps[row] = step;
  shifts[row] = PROBE_ZERO * sum;
  losses[row] = Math.sqrt(loss);
}

function grow(larger: number): void {
  const moved = new Int8Array(dimensions * larger);
  for (let d = 0; d < dimensions; d++) moved.set(codes.subarray(d * capacity, d * capacity + count), d * larger);
  [codes, capacity] = [moved, larger];
  [steps, shifts, losses] = [lengthened(steps, 1), lengthened(shifts, Infinity), lengthened(losses, 0)];
}

function lengthened(values: Float32Array, rest: number): Float32Array<ArrayBuffer> {
  const longer = new Float32Array(capacity).fill(rest, values.length);
  longer.set(values);
  return longer;
}

/** Every row that may be among the `best` ones for the probe, in no particular order. */
async function search(probe: Float32Array, best: number): Promise<Int32Array> {
  if (count === 0) return new Int32Array(0);
  const step = probe.reduce((max, x) => Math.max(max, Math.abs(x)), 0) / PROBE_CODE_MAX || 1;
  const probeCodes = Uint8Array.from(probe, (x) => Math.round(x / step) + PROBE_ZERO);
  const loss = Math.hypot(...probe.map((x, d) => x - (probeCodes[d]! - PROBE_ZERO) * step));
  const perRow = (values: Float32Array) => new Tensor('float32', values, [1, capacity]);
  const single = (value: number) => new Tensor('float32', Float32Array.of(value), [1]);
  const { found } = await session.run({
    ...{ probe: new Tensor('uint8', probeCodes, [1, dimensions]), step: single(step) },
    ...{ rows: new Tensor('int8', codes, [dimensions, capacity]) },
    ...{ steps: perRow(steps), shifts: perRow(shifts), losses: perRow(losses) },
    // |g.q - g'.q'| <= |g - g'| |q| + |g'| |q - q'|, and |g'| <= 1 + |g - g'|: for a row g, a probe q, and both as rounded.
    ...{ perLoss: single(Math.hypot(...probe) + loss), always: single(loss + SLACK) },
    best: new Tensor('int64', BigInt64Array.of(BigInt(Math.min(best, capacity))), [1]),
  });
  // [2, found] in int64: NonZero's coordinates, of which the first is always 0. Room without a row may be among them.
  const coordinates = found!.data as BigInt64Array;
  return Int32Array.from(coordinates.subarray(coordinates.length / 2), Number).filter((row) => row < count);
}
