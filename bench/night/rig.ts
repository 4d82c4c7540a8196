/**
 * A system as `nightshift start` runs it in an empty folder, a process per actor, over the demo's data services, with an
 * operator who starts nights and a load generator in a process of its own. Called by bench/night/night.ts.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connectClient } from '../../cli/client.ts';
import { startAndFollow } from '../../cli/follow.ts';
import { createStageView, stageOfState } from '../../cli/stage-view.ts';
import type { Role } from '../../contracts/roles.ts';
import type { Stage } from '../../contracts/subjects.ts';
import { sourcesOf, startDataServices } from '../../demo/data-services.ts';
import { loginOf } from '../../infra/access/login-of.ts';
import { CONFIG_FILE, ConfigSchema } from '../../infra/config/config.ts';
import type { Bus } from '../../infra/messaging/bus.ts';
import { createLogger } from '../../runtime/logger.ts';
import { startProcess } from '../../runtime/processes.ts';
import type { Asked, Period } from './figures.ts';
import type { FromLoad, ToLoad } from './messages.ts';

export interface RigOptions {
  /** Enrolled. */
  readonly people: number;
  /** Of each training. */
  readonly epochs: number;
  readonly replicas: number;
}

export interface Rig {
  /** Resolves with how long each stage took, when the night has led to a release. */
  night(runId: string, onPeriod?: (period: Period) => void): Promise<Partial<Record<Stage, number>>>;
  startLoad(options: { readonly perSecond: number; readonly secondsMax: number }): Promise<Load>;
}

export interface Load {
  /** Requests that are due from now on count there. */
  period(period: Period): void;
  /** Ends it, waits for what is under way, and gives what became of every request. */
  stop(): Promise<readonly Asked[]>;
}

const MODEL = 'face';
const PROGRAM = join(import.meta.dirname, '../../cli/nightshift.mjs');
/** The bench is about time, so that every candidate must come into service, also one of a short training. */
const GATES = {
  ...{ rank1Min: 0, wrongNameMax: 1, rocAucMin: 0, rank1DropMax: 1, fnirRiseMax: 1, namesLostMax: 1, tarDropMax: 1 },
  ...{ sliceDropMax: 1, bestDropMax: 1, thresholdJumpMax: 2, galleryShrinkMax: 1 },
  ...{ latencyP99MsMax: 60_000, imagesPerSecondMin: 0, slowdownMax: 1e6 },
};
/** Half of the strangers may come in: with a useless model nobody could promise more. */
const DECISION = {
  ...{ identify: { fpir: 0.5, margin: 0 }, verify: { far: 0.5 }, holdOut: { share: 0, min: 0 } },
  inconclusive: 'serve',
};

/** Takes everything down again, however `use` ends. */
export async function withRig<T>(options: RigOptions, use: (rig: Rig) => Promise<T>): Promise<T> {
  const home = await mkdtemp(join(tmpdir(), 'nightshift-bench-night-'));
  const data = await startDataServices({ folder: null, people: options.people, newPeople: 0 });
  const settings = {
    nats: { port: 0, storeDir: join(home, 'store') },
    inference: { replicas: options.replicas },
    log: { level: 'error' },
    models: {
      [MODEL]: {
        ...sourcesOf(data),
        decision: DECISION,
        // From scratch, so that each training is the same work.
        training: { epochs: options.epochs, warmStart: false },
        verification: { gates: GATES },
        deployment: { guardMs: 0, guardLatencyP99MsMax: 60_000, guardLatencyRatioMax: 1000 },
      },
    },
  };
  await writeFile(join(home, CONFIG_FILE), JSON.stringify(settings));
  const { nats } = ConfigSchema.parse(settings);
  const loads: ChildProcess[] = [];
  const system = spawn(process.execPath, [PROGRAM, 'start'], { cwd: home, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const url = await addressOf(system);
    const log = createLogger({ level: 'error' });
    const loginAs = (role: Role) => loginOf(nats, role, url);
    const operator = await connectClient(url, log, loginAs('operator'), 'operator');
    try {
      const faces = data.people.flatMap((person) => data.liveProbes(person));
      const setup = { url, login: loginAs('door'), model: MODEL, faces };
      return await use({
        night: (runId, onPeriod) => night(operator.bus, runId, onPeriod),
        startLoad: (load) => {
          const child = startProcess('bench/night/load.process');
          loads.push(child);
          return startLoad(child, { type: 'start', start: { ...setup, ...load } });
        },
      });
    } finally {
      await operator.close();
    }
  } finally {
    // It leaves other signals to us.
    for (const child of loads) child.kill('SIGKILL');
    await end(system);
    await data.close();
    await rm(home, { recursive: true });
  }
}

/** As `start` prints it when all actors are up. */
async function addressOf(system: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: system.stdout! })) {
    // Of the options of spawn.
    const [, url] = /nats-server +(nats:\/\/\S+)/.exec(line) ?? [];
    if (url === undefined) continue;
    system.stdout!.resume();
    return url;
  }
  throw new Error('bench: `nightshift start` ended before it was up');
}

async function end(system: ChildProcess): Promise<void> {
  if (system.exitCode !== null || system.signalCode !== null) return;
  system.kill('SIGTERM');
  await once(system, 'exit');
}

async function night(bus: Bus, runId: string, onPeriod: (period: Period) => void = () => {}) {
  const view = createStageView(process.stderr, true);
  const advanced = (state: string) => {
    view.advanced(state);
    onPeriod(state.startsWith('deploying.guarding') ? 'guard' : (stageOfState(state) ?? 'guard'));
  };
  const { fact, failure } = await startAndFollow(bus, { model: MODEL, runId, force: true }, { ...view, advanced });
  view.close();
  if (fact === 'completed') return view.durationsMs;
  throw new Error(`bench: the night ended "${fact}": ${failure?.message ?? 'no reason is known'}`);
}

async function startLoad(child: ChildProcess, start: ToLoad): Promise<Load> {
  const tell = (message: ToLoad) => void child.send(message);
  const heard = async (): Promise<FromLoad> => {
    const [message] = (await Promise.race([once(child, 'message'), once(child, 'exit').then(gone)])) as [FromLoad];
    return message;
  };
  tell(start);
  await heard();
  const ended = heard();
  // Waited for by `stop`.
  ended.catch(() => {});
  return {
    period: (period) => tell({ type: 'period', period }),
    stop: async () => {
      tell({ type: 'stop' });
      const message = await ended;
      if (message.type !== 'ended') throw new Error(`bench: the load says "${message.type}"`);
      return message.asked;
    },
  };
}

const gone = (): never => {
  throw new Error('bench: the load generator has ended');
};
