/** A training job, worked out before its first step: sizes, counts of steps, and what a checkpoint must match. */
import { batchSizes, type EngineSpec } from './engine.ts';
import { fingerprint } from './fingerprint.ts';
import { resolveNet, type ResolvedNet } from '../nets/nets.ts';
import type { TrainingJob } from '../strategy.ts';
import { wholeNet, type Subject } from './subject.ts';

export interface Plan {
  readonly job: TrainingJob;
  readonly subject: Subject;
  readonly net: ResolvedNet;
  readonly spec: EngineSpec;
  readonly stepsPerEpoch: number;
  readonly steps: number;
  /** Library and version, for the model's metadata. */
  readonly framework: string;
  /** A checkpoint is good for the job and settings with the same fingerprint. */
  readonly fingerprint: string;
}

/** Throws NET_INVALID. */
export function planOf(job: TrainingJob, framework: string, subject: Subject = wholeNet(job)): Plan {
  const { config } = job;
  const { train } = subject;
  const net = resolveNet(subject.layers, subject.input);
  const { batch, microBatch } = batchSizes(config, train.count);
  const { loss, optimizer, threads } = config;
  const spec = { net, classes: train.labels.length, batch, microBatch, loss, optimizer, threads };
  const stepsPerEpoch = Math.ceil(train.count / batch);
  // Threads and the input's settings change the speed, and beyond a thread per pass the rounding: a restart may use others.
  const { threads: _t, input: _i, maxDurationMs: _m, foreignModel: _f, ...settings } = config;
  return {
    ...{ job, subject, net, spec, stepsPerEpoch, steps: stepsPerEpoch * config.epochs, framework },
    fingerprint: fingerprint([job.runId, job.datasetDigest, train.count, subject.input, settings]),
  };
}
