/**
 * The sources of a command with the means that the collector lends them: what was kept of the night before, the time that
 * the stage has left, and a way to say what they wait for, which stands in the progress of the stage meanwhile.
 */
import type { SourceConfig } from '../../contracts/configuration/data.ts';
import type { SampleStreams } from '../../contracts/sample-streams.ts';
import type { Progress } from '../../contracts/progress.ts';
import { openSourceCache, type SourceCache } from '../../services/data/source-cache.ts';
import { createSource } from '../../services/data/sources.ts';
import type { DataSource } from '../../services/data/strategy.ts';
import type { WorkContext } from '../../services/work.ts';

export interface SourceMeans {
  /** Where answers are kept from night to night; absent: nowhere. */
  readonly cache?: { readonly folder: string; readonly bytesMax: number } | undefined;
  readonly isForgotten: (label: string) => boolean;
  readonly streams?: SampleStreams | undefined;
  readonly leftMs: () => number;
  readonly log: WorkContext['log'];
  readonly waits: (source: string, why: string | null) => void;
}

export function openSources(configs: readonly SourceConfig[], means: SourceMeans): Promise<DataSource[]> {
  return Promise.all(
    configs.map(async (config) => {
      const { leftMs, streams } = means;
      const waits = (why: string | null) => {
        if (why !== null) means.log.warn({ source: config.name }, `collector: ${why}`);
        means.waits(config.name, why);
      };
      return createSource(config, { leftMs, streams, waits, cache: await cacheOf(config, means) });
    }),
  );
}

/** A folder that cannot be used is told; the source is then read as a whole. */
async function cacheOf(
  config: SourceConfig,
  { cache, isForgotten, log }: SourceMeans,
): Promise<SourceCache | undefined> {
  const source = identityOf(config);
  if (!cache || source === null) return undefined;
  try {
    return await openSourceCache({ ...cache, source, isForgotten });
  } catch (error) {
    const why = (error as Error).message;
    log.warn({ source: config.name, why }, 'collector: nothing is kept of it for the next night (collector.cacheDir)');
    return undefined;
  }
}

/** Null if nothing of it goes over a wire. */
function identityOf(config: SourceConfig): string | null {
  switch (config.type) {
    case 'http':
      return `http ${config.name} ${config.url}`;
    case 's3':
      return `s3 ${config.name} ${config.endpoint ?? config.region} ${config.bucket}`;
    case 'jetstream':
      return `jetstream ${config.name} ${config.stream}`;
    case 'directory':
    case 'module':
      return null;
  }
}

/** Reports with what the sources wait for, as they come and whenever that changes. */
export function withWaits(progress: (report: Progress) => void) {
  const waiting = new Map<string, string>();
  let last: Progress = { fraction: 0, done: 0, total: 0, unit: 'image', figures: {} };
  const report = (next: Progress) => {
    last = next;
    const [why] = waiting.values();
    progress(why === undefined ? next : { ...next, waitsFor: why.slice(0, WORDS_MAX) });
  };
  return {
    progress: report,
    waits: (source: string, why: string | null) => {
      if (why === null) waiting.delete(source);
      else waiting.set(source, why);
      report(last);
    },
  };
}

/** A line for people. */
const WORDS_MAX = 500;
