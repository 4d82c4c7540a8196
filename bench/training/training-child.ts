/**
 * A contender of the training bench on Node, in a process of its own so that its memory is its own: the ONNX engine,
 * TensorFlow.js on wasm, or the matrix product that stands for the machine's peak. Started by training.ts.
 */
import { createInterface } from 'node:readline';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { EngineFactory, EngineSpec } from '../../services/training/loop/engine.ts';
import { encodeModel } from '../../services/training/onnx/encoding.ts';
import { createOnnxEngine } from '../../services/training/onnx/engine.ts';
import { GraphBuilder } from '../../services/training/onnx/graph-builder.ts';
import { initialState } from '../../services/training/nets/parameters.ts';
import { LEARNING_RATE, randomBatch, subjectOf, type NetName } from './training-subject.ts';
import { loadWasmEngine } from './training-wasm.ts';

/** The one command-line argument, as JSON. */
export type Task =
  | { readonly type: 'matmul'; readonly threads: number }
  | {
      readonly type: 'onnx';
      readonly net: NetName;
      readonly threads: number;
      readonly batch?: number;
      readonly microBatch?: number;
    }
  | { readonly type: 'wasm'; readonly net: NetName };

/** A turn ends with the first piece of work that ends after this time. */
const TURN_MS = 1000;
/** Sides of the product: large enough that its borders and the call do not count. */
const MATRIX = 2048;

interface Work {
  /** Images or floating-point operations in one piece. */
  readonly amount: number;
  readonly piece: () => Promise<unknown>;
  /** Executors of a step are threads, which keep the process alive. */
  readonly end: () => Promise<void>;
}

async function workOf(task: Task): Promise<Work> {
  switch (task.type) {
    case 'matmul':
      return matrixProduct(task.threads);
    case 'onnx':
      return stepsOf(createOnnxEngine('cpu'), subjectOf(task.net, task.threads, task.batch, task.microBatch));
    case 'wasm':
      return stepsOf(await loadWasmEngine(), subjectOf(task.net, 1));
  }
}

async function matrixProduct(threads: number): Promise<Work> {
  const g = new GraphBuilder();
  const side = [MATRIX, MATRIX];
  g.output('c', g.node('MatMul', [g.input('a', 'float', side), g.input('b', 'float', side)]), 'float', side);
  const session = await InferenceSession.create(encodeModel(g.build('product')), { intraOpNumThreads: threads });
  const matrix = new Tensor('float32', new Float32Array(MATRIX ** 2).fill(0.5), side);
  return { amount: 2 * MATRIX ** 3, piece: () => session.run({ a: matrix, b: matrix }), end: () => session.release() };
}

async function stepsOf(factory: EngineFactory, spec: EngineSpec): Promise<Work> {
  const batch = randomBatch(spec);
  const engine = await factory.create(spec, initialState(spec, 1));
  let step = 0;
  return {
    amount: spec.batch,
    piece: () => engine.step(batch, LEARNING_RATE, ++step),
    end: () => engine.dispose(),
  };
}

async function turn({ amount, piece }: Work) {
  const began = performance.now();
  let pieces = 0;
  let elapsedMs = 0;
  while (elapsedMs < TURN_MS) {
    await piece();
    pieces += 1;
    elapsedMs = performance.now() - began;
  }
  return { perSecond: (1000 * amount * pieces) / elapsedMs, peakRssMb: process.resourceUsage().maxRSS / 1024 };
}

// The parent wrote it.
const work = await workOf(JSON.parse(process.argv[2]!) as Task);
await work.piece();
console.log(JSON.stringify({ ready: true }));
for await (const _line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await turn(work)));
await work.end();
