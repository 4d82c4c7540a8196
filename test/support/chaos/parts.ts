/** Actors as an operator would run them: a process each, `nightshift actor <name>`, with a configuration file. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import type { ActorName } from '../../../actors/names.ts';

export interface Part {
  readonly name: string;
  /** By this version, or by another one whose command line is given. */
  start(program?: string): void;
  /** With -9; resolves when it is gone. */
  kill(): Promise<void>;
  /** With SIGTERM; resolves when it has ended. */
  end(): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  stand(isStill: boolean): void;
}

/** The command line of this version. */
export const PROGRAM = join(import.meta.dirname, '../../../cli/nightshift.mjs');
/** Two orchestrators and three replicas: each of them alone must not be missed. */
const CREW: readonly ActorName[] = [
  ...(['orchestrator', 'orchestrator', 'inference', 'inference', 'inference'] as const),
  ...(['collector', 'trainer', 'verifier', 'janitor'] as const),
];

/** `folder`: the configuration file lies there, and logs will. Already started. */
export const hireParts = (
  folder: string,
  configFile: string,
  { crew = CREW, program = PROGRAM } = {},
): readonly Part[] => crew.map((actor, index) => partOf(actor, `${actor}-${index}`, { folder, configFile, program }));

interface Place {
  readonly folder: string;
  readonly configFile: string;
  /** The command line that it is started by first. */
  readonly program: string;
}

function partOf(actor: ActorName, name: string, { folder, configFile, program: first }: Place): Part {
  const log = openSync(join(folder, `${name}.log`), 'a');
  let child: ChildProcess;
  const start = (program = PROGRAM) => {
    child = spawn(process.execPath, [program, '--config', configFile, 'actor', actor], {
      cwd: folder,
      stdio: ['ignore', log, log],
    });
  };
  const ended = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  };
  start(first);
  return {
    name,
    start,
    kill: () => ended('SIGKILL'),
    end: () => ended('SIGTERM'),
    stand: (isStill) => void child.kill(isStill ? 'SIGSTOP' : 'SIGCONT'),
  };
}
