/**
 * The collection from two real HTTP servers: both at once beside one after the other, the memory of a large one, and what goes
 * over the wire on a night on which nothing has changed. The servers are another process, and so is the large collection.
 * Called by bench/run.ts.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { ACTOR_THREADS, limitMemory } from '../../runtime/memory-limit.ts';
import { startPart, startProcess } from '../../runtime/processes.ts';
import { withScratch } from '../../runtime/scratch.ts';
import { openSourceCache, type SourceCache } from '../../services/data/source-cache.ts';
import type { DataSource } from '../../services/data/strategy.ts';
import { describeMachine, watchMachine } from '../support/machine.ts';
import { startProgress } from '../support/progress.ts';
import { collect, sourcesOf } from './collect.ts';
import type { CollectLarge, FromLarge, FromServices, ServicesStart, ToServices } from './messages.ts';

export interface CollectionBenchOptions {
  /** Of the collection whose memory is watched, both services together; 0: none. */
  readonly images: number;
  /** Of that collection, as `supervisor.memoryMaxMiB` of the collector. */
  readonly memoryMaxMiB: number;
  readonly latencyMs: number;
  readonly repeats: number;
  readonly json: boolean;
}

/** Of each service where time and bytes are measured. */
const SAMPLES = 500;
const PAGE_SIZE = 25;
const LARGE_PAGE_SIZE = 200;
const MB = 1024 ** 2;

export async function runCollectionBench(options: CollectionBenchOptions): Promise<void> {
  const used = watchMachine();
  const timed = await timesOf(options);
  const bytes = await unchangedNight(options);
  const memory = options.images === 0 ? null : await memoryOf(options.images, options.memoryMaxMiB);
  const result = { ...timed, ...bytes, ...memory };
  if (options.json) return void process.stdout.write(`${JSON.stringify({ ...result, machine: used() })}\n`);
  const lines = [
    `both at once over one after the other: ${timed.parallelRatio.toFixed(2)} (${timed.togetherMs} of ${timed.sequentialMs} ms)`,
    `an unchanged night of ${2 * SAMPLES} images: ${bytes.unchangedNightBytes} bytes, the first ${bytes.firstNightBytes}`,
    ...(memory ? [`peak memory with ${memory.images} images: ${memory.peakRssMb} MB, in ${memory.seconds} s`] : []),
    ...describeMachine(used()),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** In turn, so that a busy minute is nobody's own. */
async function timesOf({ latencyMs, repeats }: CollectionBenchOptions) {
  const [together, sequential]: [number[], number[]] = [[], []];
  await withServices({ samples: SAMPLES, pageSize: PAGE_SIZE, latencyMs }, async (sources) => {
    for (let turn = 0; turn < repeats; turn++) {
      const [auth, helper] = sources();
      together.push(await took(() => collect([auth!, helper!])));
      sequential.push((await took(() => collect([auth!]))) + (await took(() => collect([helper!]))));
    }
  });
  const [togetherMs, sequentialMs] = [median(together), median(sequential)];
  return { parallelRatio: togetherMs / sequentialMs, togetherMs, sequentialMs, latencyMs };
}

async function unchangedNight({ latencyMs }: CollectionBenchOptions) {
  return withServices({ samples: SAMPLES, pageSize: PAGE_SIZE, latencyMs }, (sources, countBytes) =>
    withScratch(async (folder) => {
      const night = async () => {
        const caches = ['auth', 'helper'].map((source) =>
          openSourceCache({ folder: join(folder, 'kept'), source, bytesMax: 1024 * MB, isForgotten: () => false }),
        );
        await collect(sources(await Promise.all(caches)));
        return countBytes();
      };
      return { firstNightBytes: await night(), unchangedNightBytes: await night() };
    }),
  );
}

async function memoryOf(images: number, memoryMaxMiB: number) {
  const bar = startProgress(images, 'images');
  const start = { samples: Math.ceil(images / 2), pageSize: LARGE_PAGE_SIZE, latencyMs: 0 };
  const startedAt = performance.now();
  try {
    const peakRssMb = await withServices(start, (_, __, urls) => collectLarge(urls, memoryMaxMiB, bar.at));
    return { images, memoryMaxMiB, peakRssMb, seconds: Math.round((performance.now() - startedAt) / 1000) };
  } finally {
    bar.stop();
  }
}

/** Resolves with the most memory that its process held, in MiB. */
async function collectLarge(
  urls: readonly string[],
  memoryMaxMiB: number,
  done: (images: number) => void,
): Promise<number> {
  const child = startPart('bench/collection/large.process', {
    ...{ name: 'collection', memoryMaxMiB, isServing: false, env: process.env },
  });
  for (const stream of [child.stdout, child.stderr]) stream.pipe(process.stderr, { end: false });
  const limit = await limitMemory(child.pid!, memoryMaxMiB * MB, ACTOR_THREADS);
  const peak = new Promise<number>((resolve, reject) => {
    child.once('exit', (code, signal) => reject(new Error(`bench: the collection ended with ${signal ?? code}`)));
    child.on('message', (message: FromLarge) => {
      if (message.type === 'collected') resolve(message.peakRssMb);
      else done(message.images);
    });
  });
  child.send({ urls, pageSize: LARGE_PAGE_SIZE } satisfies CollectLarge);
  try {
    return await peak;
  } finally {
    const ends = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null;
    child.kill('SIGKILL');
    await ends;
    limit.lift();
  }
}

type Urls = readonly string[];

async function withServices<T>(
  start: Omit<ServicesStart, 'type'>,
  use: (
    sources: (caches?: readonly SourceCache[]) => DataSource[],
    countBytes: () => Promise<number>,
    urls: Urls,
  ) => Promise<T>,
): Promise<T> {
  const child = startProcess('bench/collection/services.process');
  const ask = async <Type extends FromServices['type']>(message: ToServices, type: Type) => {
    child.send(message);
    const [answer] = (await once(child, 'message')) as [FromServices];
    if (answer.type === type) return answer as Extract<FromServices, { readonly type: Type }>;
    throw new Error(`bench: the services say "${answer.type}"`);
  };
  try {
    const { urls } = await ask({ type: 'start', ...start }, 'started');
    const sources = (caches?: readonly SourceCache[]) => sourcesOf(urls, start.pageSize, caches);
    return await use(sources, async () => (await ask({ type: 'count' }, 'counted')).bytes, urls);
  } finally {
    const ends = once(child, 'exit');
    child.kill('SIGKILL');
    await ends;
  }
}

async function took(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return Math.round(performance.now() - startedAt);
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
