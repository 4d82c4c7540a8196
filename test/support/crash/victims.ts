/**
 * Real processes to be killed. One is always started ahead: what takes its time is loading the program, and that goes
 * on while the night before ends.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { startProcess } from '../../../runtime/processes.ts';
import type { Sentence } from './victim.process.ts';

export interface Victim {
  readonly dead: () => boolean;
  /** Kills it, if it lives, and waits for its end. */
  end(): Promise<void>;
}

export interface Victims {
  /** Resolves when the actor runs, or has died already. */
  start(sentence: Sentence): Promise<Victim>;
  end(): Promise<void>;
}

export function createVictims(): Victims {
  let spare = spawn();
  return {
    start: async (sentence) => {
      const { child, exited } = await spare;
      spare = spawn();
      child.send(sentence);
      await Promise.race([once(child, 'message'), exited]);
      return { dead: () => child.signalCode === 'SIGKILL', end: () => kill(child, exited) };
    },
    end: async () => {
      const { child, exited } = await spare;
      await kill(child, exited);
    },
  };
}

async function spawn() {
  const child = startProcess('test/support/crash/victim.process');
  return { child, exited: once(child, 'exit') };
}

async function kill(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  child.kill('SIGKILL');
  await exited;
}
