/**
 * The thread that narrows a search among very many rows down to the few that may be best: products of rows and probe in
 * 8-bit integers by one matrix product of onnxruntime, with a bound of what rounding can have changed. No row that is
 * among the best is ever left out; which of those named are, the caller finds out by exact products. Started by row-search.ts.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { FromSearchThread, SearchThreadData, ToSearchThread } from './row-search.messages.ts';

if (!parentPort) throw new Error('row-search.thread.ts runs as a worker thread only');
const port = parentPort;
// The parent, row-search.ts, passes exactly this.
const { graph, dimensions } = workerData.data as SearchThreadData;

/** Codes of rows are 0..255 around this. */
const ZERO = 128;
const ROW_CODE_MAX = 127;
/** Of probes. Half the range: some processors add pairs of products in 16 bits, which must not overflow. */
const PROBE_CODE_MAX = 63;
/** Rounding of the few products in float32; a thousand times what it can be. */
const SLACK = 1e-4;

let codes = new Uint8Array(0);
/** Value of one step of a row's codes, and the length of what rounding took from the row. */
let steps = new Float32Array(0);
let losses = new Float32Array(0);
let count = 0;

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
  if (end > steps.length) grow(Math.max(end, 2 * steps.length));
  count = Math.max(count, end);
  for (let row = first; row < end; row++) encode(rows, (row - first) * dimensions, row);
}

function encode(values: Float32Array, offset: number, row: number): void {
  let max = 0;
  for (let d = 0; d < dimensions; d++) max = Math.max(max, Math.abs(values[offset + d]!));
  const step = Math.fround(max / ROW_CODE_MAX) || 1;
  let loss = 0;
  for (let d = 0; d < dimensions; d++) {
    const code = Math.max(-ROW_CODE_MAX, Math.min(ROW_CODE_MAX, Math.round(values[offset + d]! / step)));
    codes[row * dimensions + d] = code + ZERO;
    loss += (values[offset + d]! - code * step) ** 2;
  }
  steps[row] = step;
  losses[row] = Math.sqrt(loss);
}

function grow(capacity: number): void {
  const larger = { codes: new Uint8Array(capacity * dimensions), steps: new Float32Array(capacity) };
  larger.codes.set(codes);
  larger.steps.set(steps);
  const largerLosses = new Float32Array(capacity);
  largerLosses.set(losses);
  ({ codes, steps } = larger);
  losses = largerLosses;
}

/** Every row that may be among the `best` ones for the probe, in no particular order. */
async function search(probe: Float32Array, best: number): Promise<Int32Array> {
  if (count === 0) return new Int32Array(0);
  const length = Math.hypot(...probe);
  const step = probe.reduce((max, x) => Math.max(max, Math.abs(x)), 0) / PROBE_CODE_MAX || 1;
  const probeCodes = Int8Array.from(probe, (x) => Math.round(x / step));
  const loss = Math.hypot(...probe.map((x, d) => x - probeCodes[d]! * step));
  const shift = ZERO * probeCodes.reduce((sum, code) => sum + code, 0);
  const { products } = await session.run({
    rows: new Tensor('uint8', codes.subarray(0, count * dimensions), [count, dimensions]),
    probe: new Tensor('int8', probeCodes, [dimensions, 1]),
  });
  // The graph's output is int32.
  const sums = products!.data as Int32Array;
  // |g.q - g'.q'| <= |g - g'| |q| + |g'| |q - q'|, and |g'| <= 1 + |g - g'|.
  const scoreOf = (row: number) => steps[row]! * step * (sums[row]! - shift);
  const boundOf = (row: number) => losses[row]! * length + (1 + losses[row]!) * loss + SLACK;
  const floor = surelyReached(best, scoreOf, boundOf);
  const found: number[] = [];
  for (let row = 0; row < count; row++) if (scoreOf(row) + boundOf(row) >= floor) found.push(row);
  return Int32Array.from(found);
}

/** A score that at least `best` rows reach, whatever rounding did. */
function surelyReached(best: number, scoreOf: (row: number) => number, boundOf: (row: number) => number): number {
  const top: number[] = [];
  for (let row = 0; row < count; row++) {
    const least = scoreOf(row) - boundOf(row);
    if (top.length === best && least <= top[best - 1]!) continue;
    const place = top.findIndex((score) => score < least);
    top.splice(place === -1 ? top.length : place, 0, least);
    if (top.length > best) top.pop();
  }
  return top.length === best ? top[best - 1]! : -Infinity;
}
