/**
 * Reads the objects that replicas load, in a thread of its own (blob-reader.thread.ts), so that a download of any size
 * takes no time from the thread that serves. One for all replicas of a process; a thread that is lost is replaced.
 */
import type { Worker } from 'node:worker_threads';
import type { BlobReader } from '../../contracts/blobs.ts';
import { PipelineError, type Failure } from '../../contracts/errors.ts';
import { startThread } from '../../runtime/threads.ts';
import type { BlobReaderData, FromBlobReader, ToBlobReader } from './blob-reader.messages.ts';

export interface ThreadedBlobReader extends BlobReader {
  /** Gives up the objects that are being read. */
  close(): Promise<void>;
}

interface Call {
  readonly resolve: (bytes: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/** `source` names the caller; it begins each error message. */
export function startBlobReader(data: BlobReaderData): ThreadedBlobReader {
  let thread: ReaderThread | null = startReaderThread(data);
  return {
    get: (ref) => {
      // A thread that is lost answers no more; the next call gets another.
      if (!thread || thread.isGone()) thread = startReaderThread(data);
      return thread.get(ref);
    },
    close: async () => thread?.close(),
  };
}

interface ReaderThread extends ThreadedBlobReader {
  isGone(): boolean;
}

function startReaderThread(data: BlobReaderData): ReaderThread {
  const thread = startThread('actors/inference/blob-reader.thread', data, { name: 'blob-reader' });
  const calls = new Map<number, Call>();
  let lastId = 0;
  let loss: PipelineError | null = null;
  thread.unref();
  thread.on('message', (message: FromBlobReader) => {
    answerCall(calls.get(message.id), message);
    calls.delete(message.id);
    // It keeps the process alive only while a call waits for it.
    if (calls.size === 0) thread.unref();
  });
  const ended = endOf(thread).then((cause) => {
    loss = lost(data.source, cause);
    for (const { reject } of calls.values()) reject(loss);
    calls.clear();
  });
  const tell = (message: ToBlobReader) => thread.postMessage(message);
  return {
    isGone: () => loss !== null,
    get: (ref) =>
      new Promise((resolve, reject) => {
        lastId += 1;
        calls.set(lastId, { resolve, reject });
        thread.ref();
        tell({ type: 'get', id: lastId, ref });
      }),
    close: () => {
      thread.ref();
      tell({ type: 'close' });
      return ended;
    },
  };
}

function answerCall(call: Call | undefined, message: FromBlobReader): void {
  if (message.type === 'failed') call?.reject(errorOf(message.failure));
  else call?.resolve(Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.byteLength));
}

/** Resolves with the cause, if there is one. */
function endOf(thread: Worker): Promise<Error | undefined> {
  return new Promise((resolve) => {
    thread.once('error', resolve);
    thread.once('exit', () => resolve(undefined));
  });
}

const errorOf = ({ code, message, retryable }: Failure) => new PipelineError(code, message, { retryable });
const lost = (source: string, cause: unknown) =>
  new PipelineError('INTERNAL', `${source}: the thread that reads objects has ended`, { retryable: true, cause });
