/** The thread of bench/input/input-pipeline.ts: takes passes over the set that it is told, with or without a net. */
import { parentPort, workerData } from 'node:worker_threads';
import type { TrainingConfig } from '../../contracts/configuration/training.ts';
import type { LabelledImages, SpooledImages } from '../../services/data/strategy.ts';
import { batchSizes, type TrainingEngine } from '../../services/training/loop/engine.ts';
import type { BatchSource } from '../../services/training/input/batches.ts';
import { createBatchSource } from '../../services/training/input/source.ts';
import { withMasks } from '../../services/training/loop/masks.ts';
import { resolveNet } from '../../services/training/nets/nets.ts';
import { createOnnxEngine } from '../../services/training/onnx/engine.ts';
import { initialState } from '../../services/training/nets/parameters.ts';

export interface InputBenchWork {
  readonly kind: 'train' | 'walk';
  readonly config: TrainingConfig;
  readonly spooled: SpooledImages;
  /** Null where only the batches are made. */
  readonly memory: LabelledImages | null;
}

export interface InputBenchMessage {
  readonly imagesPerSecond: number;
  /** Share of the time in which the training thread waited for its batch. */
  readonly waitShare: number;
  readonly heldMb: number;
}

const MB = 1e6;

// startThread passes what input-pipeline.ts gave it, under `data`.
const { kind, config, spooled, memory } = (workerData as { data: InputBenchWork }).data;
const net = resolveNet(config.net, spooled.spec);
const engine = kind === 'train' ? await createEngine() : null;
const port = parentPort!;
const open = new Map<'spooled' | 'memory', { readonly source: BatchSource; epoch: number }>();

// A rejection ends the thread, and the bench with it.
port.on('message', (message: 'spooled' | 'memory' | 'end') => void (message === 'end' ? end() : answer(message)));

/** A source stays open from pass to pass, as in a training: what it made ahead is used, its threads are warm. */
async function answer(name: 'spooled' | 'memory'): Promise<void> {
  const set = name === 'memory' ? memory! : spooled;
  const state = open.get(name) ?? { source: createBatchSource(set, config, config.batchSize), epoch: 0 };
  open.set(name, state);
  port.postMessage(await pass(state.source, state.epoch));
  state.epoch += 1;
}

/** The first batch is not timed: the threads that make it start meanwhile, once in a training of many passes. */
async function pass(source: BatchSource, epoch: number): Promise<InputBenchMessage> {
  let began = 0;
  let waitedMs = 0;
  for (let index = 0; index < source.count; index++) {
    const asked = performance.now();
    const batch = await source.batch(epoch, index);
    if (index === 0) began = performance.now();
    else waitedMs += performance.now() - asked;
    await engine?.step(withMasks(batch, net, config.seed, index + 1), config.learningRate, index + 1);
  }
  const seconds = (performance.now() - began) / 1000;
  const imagesPerSecond = (source.count * config.batchSize) / seconds;
  return { imagesPerSecond, waitShare: waitedMs / 1000 / seconds, heldMb: source.heldBytes() / MB };
}

function createEngine(): Promise<TrainingEngine> {
  const { loss, optimizer, threads, seed } = config;
  const { batch, microBatch } = batchSizes(config, config.batchSize);
  const spec = { net, classes: spooled.labels.length, batch, microBatch, loss, optimizer, threads };
  return createOnnxEngine('cpu').create(spec, initialState(spec, seed));
}

async function end(): Promise<void> {
  for (const { source } of open.values()) await source.close();
  await engine?.dispose();
  port.close();
}
