/**
 * One party of the training bench as a process of its own: told "go" it works for a while and says how fast it was.
 * Contenders take turns, because a shared machine changes its speed by the minute. Called by training.ts; the
 * programs are training-child.ts and peers/train_step.py.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Round {
  /** Images, or for the matrix product floating-point operations. */
  readonly perSecond: number;
  /** The largest resident memory of the process so far. */
  readonly peakRssMb: number;
}

export interface Contender {
  readonly name: string;
  readonly rounds: Round[];
  /** One turn. Throws a plain Error when the process has ended. */
  go(): Promise<Round>;
  end(): Promise<void>;
}

/** Resolves once the program has said {"ready": ...}; throws a plain Error with its last words when it ends before. */
export async function startContender(
  name: string,
  command: readonly [program: string, ...args: string[]],
): Promise<Contender> {
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.once('close', resolve).once('error', resolve));
  const next = answersOf(name, child, ended);
  await next();
  const rounds: Round[] = [];
  return {
    name,
    rounds,
    async go() {
      child.stdin.write('go\n');
      const round = (await next()) as Round; // what both programs print
      rounds.push(round);
      return round;
    },
    async end() {
      child.stdin.end();
      await ended;
    },
  };
}

/** Characters of standard error kept: its last line says why a program ended. */
const LAST_WORDS = 400;
const lastLine = (words: string): string => words.trim().split('\n').at(-1) || 'no output';

function answersOf(name: string, child: ChildProcess, ended: Promise<unknown>): () => Promise<unknown> {
  let words = '';
  child.stderr!.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-LAST_WORDS)));
  child.stdin!.on('error', () => {}); // It has ended: the next answer says so.
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return async () => {
    for (;;) {
      const line = await Promise.race([lines.next(), ended.then(() => null)]);
      if (line === null || line.done === true) throw new Error(`${name} ended: ${lastLine(words)}`);
      if (line.value.startsWith('{')) return JSON.parse(line.value);
    }
  };
}
