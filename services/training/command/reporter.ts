/**
 * Turns what a training program says into progress, a learning curve, stored checkpoints and failures like those of the
 * other strategies. Called by command.ts for one run of a program.
 */
import { readFile, rm, stat } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { PipelineError } from '../../../contracts/errors.ts';
import type { TrainingContext, TrainingJob, TrainingOutcome } from '../strategy.ts';
import { encodeCheckpoint, type CommandCheckpoint } from './checkpoint.ts';
import { parseLine, type Line, type ProgressLine } from './lines.ts';

export interface ReporterOptions {
  readonly job: TrainingJob;
  readonly context: TrainingContext;
  readonly fingerprint: string;
  /** The state with which this attempt began. */
  readonly resumed: CommandCheckpoint | null;
  /** The only folder from which checkpoints are taken. */
  readonly output: string;
  /** Asks the program to end. */
  readonly abort: (reason: unknown) => void;
}

export interface Reporter {
  readonly onLine: (line: string) => Promise<void>;
  readonly onLog: (line: string) => void;
  /** The first thing that went wrong while the program ran. */
  throwIfFailed(): void;
  summary(): { readonly curve: TrainingOutcome['curve']; readonly imagesPerSecond: number };
}

/** Lines that reach the log, per run: enough to understand it, and a program that floods them fills no disk. */
const LOG_LINES_MAX = 1000;
/** Of those that a program prints beside the protocol. */
const CHATTER_LINES_MAX = 20;
/** A program that saves more would fill the object store. */
const CHECKPOINT_BYTES_MAX = 2 * 1024 ** 3;

export function createReporter(options: ReporterOptions): Reporter {
  const { job, context, resumed } = options;
  const { runId } = job;
  const startedAt = context.now();
  const curve = new Map((resumed?.curve ?? []).map((point) => [point.epoch, point]));
  const points = () => [...curve.values()].sort((a, b) => a.epoch - b.epoch);
  const chatter = limited(CHATTER_LINES_MAX, (line) =>
    context.log.info({ runId, line }, 'the training program prints'),
  );
  const logged = limited(LOG_LINES_MAX, (line) => context.log.info({ runId, line }, 'the training program logs'));
  let imagesPerSecond = 0;
  let failure: unknown;

  const take = async (line: Line): Promise<void> => {
    if (line.type === 'failed') throw new PipelineError(line.code, `training: run ${runId}: ${line.message}`);
    if (line.type === 'checkpoint') {
      const bytes = await readCheckpoint(options, line.path);
      const elapsedMs = (resumed?.elapsedMs ?? 0) + context.now() - startedAt;
      return context.saveCheckpoint(encodeCheckpoint({ bytes, curve: points(), elapsedMs }, options.fingerprint));
    }
    const { epoch, loss } = checked(line, job);
    imagesPerSecond = line.imagesPerSecond ?? imagesPerSecond;
    const { learningRate = null, imagesPerSecond: speed = null, rank1: validationRank1 = null } = line;
    if (Number.isInteger(epoch) && epoch > 0)
      curve.set(epoch, { epoch, loss, learningRate, validationRank1, imagesPerSecond: speed });
    context.progress(progressOf(line, loss, job.config.epochs));
  };

  return {
    async onLine(text) {
      try {
        const line = parseLine(text);
        if (line === null) chatter(text);
        else if (failure === undefined) await take(line);
      } catch (cause) {
        failure ??= cause instanceof PipelineError ? cause : misspoken(job, text, cause);
        options.abort(failure);
      }
    },
    onLog: logged,
    throwIfFailed: () => {
      if (failure !== undefined) throw failure;
    },
    summary: () => ({ curve: points(), imagesPerSecond }),
  };
}

/** Passes on the first `max` calls. */
function limited(max: number, pass: (line: string) => void): (line: string) => void {
  let count = 0;
  return (line) => {
    count += 1;
    if (count <= max) pass(line);
    if (count === max) pass('(further lines are left out)');
  };
}

function checked({ epoch, loss }: ProgressLine, { runId, config }: TrainingJob) {
  if (epoch > config.epochs)
    throw new PipelineError('TRAINING_FAILED', `training: run ${runId}: epoch ${epoch} of ${config.epochs} reported`);
  if (loss !== null) return { epoch, loss };
  const message =
    `training: run ${runId}: the program reports a loss that is no number in epoch ${epoch}; ` +
    `lower training.learningRate (now ${config.learningRate})`;
  throw new PipelineError('TRAINING_DIVERGED', message);
}

function progressOf({ epoch, learningRate, imagesPerSecond, rank1 }: ProgressLine, loss: number, total: number) {
  const figures = {
    loss,
    ...(learningRate !== undefined && { learningRate }),
    ...(imagesPerSecond !== undefined && { imagesPerSecond }),
    ...(rank1 !== undefined && { validationRank1: rank1 }),
  };
  return { fraction: Math.min(1, epoch / total), done: epoch, total, unit: 'epoch', figures };
}

/** The file is removed: the program may write another under any name. */
async function readCheckpoint({ output, job }: ReporterOptions, path: string): Promise<Uint8Array> {
  const file = resolve(output, path);
  const refuse = (problem: string) =>
    new PipelineError('TRAINING_FAILED', `training: run ${job.runId}: the program's checkpoint ${path} ${problem}`);
  if (!file.startsWith(output + sep)) throw refuse(`lies outside of its output folder`);
  const { size } = await stat(file).catch(() => Promise.reject(refuse('does not exist')));
  if (size > CHECKPOINT_BYTES_MAX) throw refuse(`has ${size} bytes; at most ${CHECKPOINT_BYTES_MAX} are kept`);
  const bytes = await readFile(file);
  await rm(file);
  return bytes;
}

function misspoken({ runId }: TrainingJob, text: string, cause: unknown): PipelineError {
  const reason = (cause as Error).message;
  const message = `training: run ${runId}: the program's line ${text.slice(0, 200)} does not fit: ${reason}`;
  return new PipelineError('TRAINING_FAILED', message, { cause });
}
