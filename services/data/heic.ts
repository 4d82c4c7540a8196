/**
 * HEIC files, as telephones write them, to pixels: in a thread of its own, one at a time, each with a limit of time. Only at the
 * edge of a source (photograph.ts); the decoder that everybody shares does not know the format.
 */
import type { Worker } from 'node:worker_threads';
import { startThread } from '../../runtime/threads.ts';
import type { HeicAnswer, HeicQuestion } from './heic.messages.ts';

export interface HeicDecoder {
  /** Never rejects for a file, whatever is in it. */
  decode(question: HeicQuestion): Promise<HeicAnswer>;
  close(): Promise<void>;
}

/** 48 megapixels take some seconds. */
const DECODE_MS_MAX = 30_000;

export const isHeic = (bytes: Buffer): boolean =>
  /^ftyp(?:hei[cxms]|hev[cx]|mif1|msf1)/.test(bytes.toString('latin1', 4, 12));

/** Its thread starts with the first file. */
export function createHeicDecoder(decodeMsMax = DECODE_MS_MAX): HeicDecoder {
  let thread: Worker | null = null;
  let last: Promise<unknown> = Promise.resolve();
  const end = async () => {
    const ending = thread;
    thread = null;
    await ending?.terminate();
  };
  const one = async (question: HeicQuestion): Promise<HeicAnswer> => {
    thread ??= startThread('services/data/heic.thread', null, { name: 'heic' });
    const answer = await answerOf(thread, question, decodeMsMax);
    if (answer !== null) return answer;
    await end();
    return { failure: 'unreadable', message: `not decoded within ${decodeMsMax / 1000} s, or the decoder broke` };
  };
  return {
    decode: (question) => {
      const turn = last.then(() => one(question));
      last = turn;
      return turn;
    },
    close: async () => {
      await last;
      await end();
    },
  };
}

/** Null if there is none in time, or the thread ended. */
function answerOf(thread: Worker, question: HeicQuestion, ms: number): Promise<HeicAnswer | null> {
  return new Promise((resolve) => {
    const settle = (answer: HeicAnswer | null) => {
      clearTimeout(timer);
      thread.off('message', settle).off('error', none).off('exit', none);
      resolve(answer);
    };
    const none = () => settle(null);
    const timer = setTimeout(none, ms);
    thread.on('message', settle).on('error', none).on('exit', none);
    thread.postMessage(question);
  });
}
