/**
 * The process of one actor, as `nightshift start` has it, under watch: what it holds in memory now, and at most. The models
 * that a verifier runs are in processes of their own, which are summed apart.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { FromActor, ToActor } from '../../cli/actor-process.messages.ts';
import type { Config } from '../../infra/config/config.ts';
import type { ActorName } from '../../contracts/roles.ts';
import { SERVING } from '../../actors/names.ts';
import { ACTOR_THREADS, limitMemory, residentBytes } from '../../runtime/memory-limit.ts';
import { startPart, type Part } from '../../runtime/processes.ts';
import { descendantsOf } from '../swap/memory.ts';

export interface MemorySample {
  readonly seconds: number;
  readonly rssMb: number;
  /** Of all its children together. */
  readonly childrenRssMb: number;
}

export interface Watched {
  readonly peakRssMb: number;
  readonly childrenPeakRssMb: number;
  readonly seconds: number;
  readonly series: readonly MemorySample[];
}

export interface ActorOptions {
  readonly url: string;
  readonly config: Config;
  /** As `supervisor.memoryMaxMiB`; null: no limit. */
  readonly memoryMaxMiB: number | null;
}

const SAMPLE_MS = 250;
const MB = 1e6;
const MIB = 1024 * 1024;
const STOP_GRACE_MS = 10_000;

/** `work` begins when the actor works, and the watch ends with it. Throws if the process ends before. */
export async function watch(
  name: ActorName,
  { url, config, memoryMaxMiB }: ActorOptions,
  work: () => Promise<void>,
): Promise<Watched> {
  const child = startPart('cli/actor.process', {
    ...{ name, memoryMaxMiB: memoryMaxMiB ?? undefined, isServing: SERVING.has(name), env: process.env },
  });
  const exited = once(child, 'exit');
  const endedEarly = exited.then(([code, signal]) => {
    throw new Error(`bench: ${name} ended with ${signal ?? `exit code ${code}`}`);
  });
  // Its end after the work is expected.
  endedEarly.catch(() => {});
  child.stdout.resume();
  child.stderr.pipe(process.stderr);
  const limit = memoryMaxMiB === null ? null : await limitMemory(child.pid!, memoryMaxMiB * MIB, ACTOR_THREADS);
  try {
    await Promise.race([up(child, { type: 'start', url, system: 'bench', config }), endedEarly]);
    const sampling = sample(child);
    await Promise.race([work(), endedEarly]);
    return sampling.end();
  } finally {
    if (child.connected) child.send({ type: 'stop', graceMs: STOP_GRACE_MS } satisfies ToActor);
    await exited;
    limit?.lift();
  }
}

async function up(child: Part, start: ToActor): Promise<void> {
  child.send(start);
  const [answer] = (await once(child, 'message')) as [FromActor];
  if (answer.type === 'failed') throw new Error(`bench: ${answer.failure.message}`);
}

function sample({ pid }: Part) {
  const startedAt = performance.now();
  const elapsed = () => (performance.now() - startedAt) / 1000;
  const series: MemorySample[] = [];
  const take = () => {
    const childrenRssMb = descendantsOf(pid!).reduce((sum, id) => sum + (residentBytes(id) ?? 0), 0) / MB;
    series.push({ seconds: elapsed(), rssMb: (residentBytes(pid!) ?? 0) / MB, childrenRssMb });
  };
  take();
  const timer = setInterval(take, SAMPLE_MS);
  return {
    end: (): Watched => {
      clearInterval(timer);
      const childrenPeakRssMb = Math.max(...series.map((it) => it.childrenRssMb));
      return { peakRssMb: highestEver(pid!) / MB, childrenPeakRssMb, seconds: elapsed(), series };
    },
  };
}

/** As the system counts it, between samples too. */
function highestEver(pid: number): number {
  const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}
