/**
 * Threads that find faces for the thread that asks: each works at one photograph, and a bounded number waits for them.
 * Opened by the collector for a run, and by a replica for each release that it holds.
 */
import type { Worker } from 'node:worker_threads';
import type { ImageSpec } from '../../../contracts/dataset.ts';
import { PipelineError, type Failure } from '../../../contracts/errors.ts';
import { startThread } from '../../../runtime/threads.ts';
import type { FaceThreadData, FromFaceThread, ToFaceThread } from './face-threads.messages.ts';
import type { FaceStage, FoundFace } from './stage.ts';

export interface Faces extends FaceStage {
  /**
   * As of FaceStage; and throws OVERLOADED if WAITING_MAX photographs wait, DEADLINE_EXCEEDED if `deadlineMs` (of
   * performance.now) passes before its turn, and HOST_FAILED if a thread ended.
   */
  find(bytes: Uint8Array, spec: ImageSpec, what: string, deadlineMs?: number): Promise<FoundFace>;
}

/** A replica takes 272 requests at once by default; more of them than this would wait for seconds. */
const WAITING_MAX = 256;

interface Job {
  readonly question: Extract<ToFaceThread, { type: 'find' }>;
  readonly deadlineMs: number;
  readonly resolve: (found: FoundFace) => void;
  readonly reject: (error: PipelineError) => void;
}

/** Resolves when all threads are ready. Throws MODEL_INVALID if the file is no detector with settings. */
export async function openFaces(file: Uint8Array, threads = 1): Promise<Faces> {
  const waiting: Job[] = [];
  const idle: FaceThread[] = [];
  const running = new Set<FaceThread>();
  let failure: PipelineError | null = null;
  const hand = () => {
    while (waiting.length > 0 && idle.length > 0) {
      const job = waiting.shift()!;
      if (job.deadlineMs < performance.now()) job.reject(tooLate(job.question.what));
      else idle.shift()!.ask(job);
    }
  };
  const freed = (thread: FaceThread) => {
    idle.push(thread);
    hand();
  };
  const fail = (cause: PipelineError) => {
    failure = cause;
    for (const { reject } of waiting.splice(0)) reject(cause);
  };
  const start = async () => {
    const thread = await startFinder(file, freed);
    running.add(thread);
    // A thread that was ready once has ended by a photograph or for want of memory: another one takes its place.
    void thread.over.then(() => {
      running.delete(thread);
      if (idle.includes(thread)) idle.splice(idle.indexOf(thread), 1);
      if (failure === null) start().catch(fail);
    });
    freed(thread);
  };
  const close = async () => {
    fail(ended());
    await Promise.all([...running].map((thread) => thread.close()));
  };
  const results = await Promise.allSettled(Array.from({ length: threads }, start));
  const refused = results.find((result) => result.status === 'rejected');
  if (refused) {
    await close();
    throw refused.reason;
  }
  return {
    find: (bytes, spec, what, deadlineMs = Infinity) =>
      new Promise((resolve, reject) => {
        if (failure) return reject(failure);
        if (waiting.length >= WAITING_MAX) return reject(overloaded(what));
        waiting.push({ question: { type: 'find', bytes, spec, what }, deadlineMs, resolve, reject });
        hand();
      }),
    close,
  };
}

interface FaceThread {
  readonly ask: (job: Job) => void;
  /** Ends it after the photograph at which it works. */
  readonly close: () => Promise<void>;
  /** Resolves when it has ended. */
  readonly over: Promise<void>;
}

/** Resolves when it is ready. `freed` is called after each answer. */
function startFinder(file: Uint8Array, freed: (thread: FaceThread) => void): Promise<FaceThread> {
  const data: FaceThreadData = { file };
  const worker = startThread('services/data/faces/face-finder.thread', data, { name: 'face-finder' });
  const send = (message: ToFaceThread) => worker.postMessage(message);
  let job: Job | null = null;
  return new Promise((resolve, reject) => {
    const over = endOf(worker).then((cause) => {
      const error = ended(cause);
      job?.reject(error);
      reject(error);
    });
    const thread: FaceThread = {
      ask: (next) => {
        job = next;
        send(next.question);
      },
      close: () => {
        send({ type: 'close' });
        return over;
      },
      over,
    };
    worker.on('message', (message: FromFaceThread) => {
      if (message.type === 'ready') return resolve(thread);
      if (job === null) return message.type === 'failed' ? reject(errorOf(message.failure)) : undefined;
      const done = job;
      job = null;
      if (message.type === 'found') done.resolve(message.found);
      else done.reject(errorOf(message.failure));
      freed(thread);
    });
  });
}

/** Resolves with the cause, if there is one. */
const endOf = (thread: Worker): Promise<Error | undefined> =>
  new Promise((resolve) => {
    thread.once('error', resolve);
    thread.once('exit', () => resolve(undefined));
  });

const errorOf = ({ code, message, retryable }: Failure) => new PipelineError(code, message, { retryable });
const ended = (cause?: unknown) =>
  new PipelineError('HOST_FAILED', 'the thread that finds faces has ended', { retryable: true, cause });
const tooLate = (what: string) =>
  new PipelineError('DEADLINE_EXCEEDED', `${what}: its deadline passed before its face was looked for`, {
    retryable: true,
  });
const overloaded = (what: string) =>
  new PipelineError('OVERLOADED', `${what}: ${WAITING_MAX} photographs wait for their faces to be found`, {
    retryable: true,
  });
