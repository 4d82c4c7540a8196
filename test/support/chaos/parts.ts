/** Actors as an operator would run them: a process each, `nightshift actor <name>`, with a configuration file. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import type { ActorName } from '../../../actors/names.ts';

export interface Part {
  readonly name: string;
  start(): void;
  /** With -9; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  stand(isStill: boolean): void;
}

const PROGRAM = join(import.meta.dirname, '../../../cli/nightshift.mjs');
/** Two orchestrators and three replicas: each of them alone must not be missed. */
const CREW: readonly ActorName[] = [
  ...(['orchestrator', 'orchestrator', 'inference', 'inference', 'inference'] as const),
  ...(['collector', 'trainer', 'verifier', 'janitor'] as const),
];

/** `folder`: the configuration file lies there, and logs will. Already started. */
export const hireParts = (folder: string, configFile: string): readonly Part[] =>
  CREW.map((actor, index) => partOf(actor, `${actor}-${index}`, folder, configFile));

function partOf(actor: ActorName, name: string, folder: string, configFile: string): Part {
  const log = openSync(join(folder, `${name}.log`), 'a');
  let child: ChildProcess;
  const start = () => {
    child = spawn(process.execPath, [PROGRAM, '--config', configFile, 'actor', actor], {
      cwd: folder,
      stdio: ['ignore', log, log],
    });
  };
  start();
  return {
    name,
    start,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
    stand: (isStill) => void child.kill(isStill ? 'SIGSTOP' : 'SIGCONT'),
  };
}
