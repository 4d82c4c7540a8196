/**
 * Trains by an outside program, so that training can live on torchrun, Ray or Kubernetes: a folder with the job in, an
 * ONNX file out, lines about its progress in between. docs/training-command.md is the contract. The program runs as a
 * child process without a shell; its model is checked in a training thread.
 */
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { PipelineError } from '../../contracts/errors.ts';
import type { CommandConfig } from '../../contracts/configuration/training.ts';
import { linkAbort, type LinkedAbort } from '../../runtime/linked-abort.ts';
import { withScratch } from '../../runtime/scratch.ts';
import { decodeCheckpoint, type CommandCheckpoint } from './command/checkpoint.ts';
import { writeJobFolder, type JobFolder } from './command/job-folder.ts';
import { runProgram, type ProgramEnd } from './command/program.ts';
import { createReporter, type Reporter } from './command/reporter.ts';
import { checkJob, trainInThread } from './loop/in-thread.ts';
import { fingerprint } from './loop/fingerprint.ts';
import type { TrainingContext, TrainingJob, TrainingOutcome, TrainingStrategy } from './strategy.ts';

/** A larger file is no embedding model that could be served from memory. */
const MODEL_BYTES_MAX = 1024 ** 3;

/**
 * Beside the errors of every strategy `train` throws MODEL_INVALID, STRATEGY_UNAVAILABLE where the program cannot be
 * started, and what the program gives as its reason.
 */
export function createCommandStrategy(): TrainingStrategy {
  return {
    name: 'command',
    async train(job, context) {
      checkJob(job);
      context.signal.throwIfAborted();
      const command = commandOf(job);
      return withScratch((folder) => trainBy(command, job, context, folder));
    },
  };
}

interface Attempt {
  readonly job: TrainingJob;
  readonly context: TrainingContext;
  readonly fingerprint: string;
  readonly resumed: CommandCheckpoint | null;
}

async function trainBy(
  command: CommandConfig,
  job: TrainingJob,
  context: TrainingContext,
  folder: string,
): Promise<TrainingOutcome> {
  const fingerprint = fingerprintOf(job);
  const attempt: Attempt = { job, context, fingerprint, resumed: startingPoint(job, context, fingerprint) };
  const maxDurationMs = job.config.maxDurationMs - (attempt.resumed?.elapsedMs ?? 0);
  const checkpoint = attempt.resumed?.bytes ?? null;
  const files = await writeJobFolder(folder, job, { checkpoint, maxDurationMs, signal: context.signal });
  const { reporter, model } = await run(command, attempt, files, maxDurationMs);
  const { curve, imagesPerSecond } = reporter.summary();
  const program = basename(command.argv[0]!);
  return trainInThread({ job, engine: { type: 'command', model, curve, imagesPerSecond, program } }, context);
}

/** The lines that the program said, and the files that it wrote. Throws why there is no model. */
async function run(command: CommandConfig, attempt: Attempt, files: JobFolder, maxDurationMs: number) {
  const { job, context } = attempt;
  const stop = linkAbort(context.signal);
  const budget = createBudget(stop, maxDurationMs + command.graceMs);
  const reporter = createReporter({ ...attempt, output: files.output, abort: stop.abort });
  try {
    const { onLine, onLog } = reporter;
    const end = await runProgram(command, [files.job], { onLine, onLog, stop: stop.signal });
    context.signal.throwIfAborted();
    reporter.throwIfFailed();
    const model = await readModel(files.model);
    const problem = problemOf(end, model, reporter, budget.isUsedUp());
    if (problem !== null || model === null) throw failed(job, end, problem ?? 'no model');
    return { reporter, model };
  } finally {
    budget.cancel();
    stop.unlink();
  }
}

function problemOf(end: ProgramEnd, model: Uint8Array | null, reporter: Reporter, isTimeUp: boolean): string | null {
  const after = isTimeUp ? ', asked to end because its time was up (training.maxDurationMs)' : '';
  if (end.signal !== null) return `was ended by ${end.signal}${after}`;
  if (end.code !== 0) return `ended with exit code ${end.code}${after}`;
  if (model === null) return `ended with exit code 0 and wrote no model to paths.model of its job${after}`;
  if (reporter.summary().curve.length === 0) return 'reported no pass: it must print a progress line with a loss';
  return null;
}

/** The program knows its time. If it does not keep it, it is asked to end; what it has written by its end counts. */
function createBudget(stop: LinkedAbort, durationMs: number) {
  let isUsedUp = false;
  const timer = setTimeout(() => {
    isUsedUp = true;
    stop.abort(new Error('the time of the training is up'));
  }, durationMs);
  return { isUsedUp: () => isUsedUp, cancel: () => clearTimeout(timer) };
}

async function readModel(path: string): Promise<Uint8Array | null> {
  try {
    const { size } = await stat(path);
    if (size > MODEL_BYTES_MAX)
      throw new PipelineError(
        'MODEL_INVALID',
        `training: a model of ${size} bytes; at most ${MODEL_BYTES_MAX} are taken`,
      );
    return await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
}

/** A checkpoint that cannot be used costs time, not the run. */
function startingPoint({ runId, resumeFrom }: TrainingJob, { log }: TrainingContext, fingerprint: string) {
  if (resumeFrom === null) return null;
  try {
    const checkpoint = decodeCheckpoint(resumeFrom, fingerprint);
    log.info({ runId, epochs: checkpoint.curve.length }, 'training resumes from its checkpoint');
    return checkpoint;
  } catch (cause) {
    if (!(cause instanceof PipelineError)) throw cause;
    log.warn({ runId, err: cause }, 'training starts afresh: its checkpoint cannot be used');
    return null;
  }
}

/** Threads, time and the limits of its acceptance change no result. */
function fingerprintOf({ runId, datasetDigest, train, config }: TrainingJob): string {
  const { threads: _t, maxDurationMs: _m, foreignModel: _f, ...settings } = config;
  return fingerprint([runId, datasetDigest, train.count, train.spec, settings]);
}

function commandOf({ config, runId }: TrainingJob): CommandConfig {
  if (config.command !== undefined) return config.command;
  const message = `training: run ${runId}: strategy "command" needs training.command.argv`;
  throw new PipelineError('CONFIG_INVALID', message);
}

/** The cause of a program's end may be gone at the next attempt, unless it ended well without a result. */
function failed({ runId }: TrainingJob, { code, lastLines }: ProgramEnd, problem: string): PipelineError {
  const said = lastLines.length > 0 ? `; its last lines: ${lastLines.join(' | ')}` : '; it printed nothing';
  const message = `training: run ${runId}: the program ${problem}${said}`;
  return new PipelineError('TRAINING_FAILED', message, { retryable: code !== 0 });
}
