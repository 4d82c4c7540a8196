/**
 * The configuration as records in the system: what counts now, and how a record changes, by compare-and-swap upon the
 * revision that the sender of the change saw. Runs read it when they begin and keep their copy, so a change concerns the
 * next run. The commands are in config-commands.ts.
 */
import { isDeepStrictEqual } from 'node:util';
import type { CarriedPipeline } from '../../contracts/configuration/carried.ts';
import type { ConfigRecord } from '../../contracts/configuration/record.ts';
import { PipelineError, toFailure, type Failure } from '../../contracts/errors.ts';
import { wrongSources } from '../../infra/config/config.ts';
import type { RecordStore } from '../../infra/stores/record-store.ts';
import { checkSchedule } from '../../services/schedule/slots.ts';
import type { OrchestratorContext } from './context.ts';

type Configs = RecordStore<ConfigRecord>;
export type Holder = Pick<OrchestratorContext, 'configs'>;

/** Throws MODEL_UNKNOWN with those that are configured, RECORD_DAMAGED with the way out. */
export async function pipelineOf(o: Holder, model: string): Promise<CarriedPipeline> {
  const pipeline = await pipelineIn(o, model);
  if (pipeline) return pipeline;
  const known = (await configuredModels(o)).join(', ');
  const those =
    known === '' ? 'none is; `nightshift apply -f <file>` configures those of a file' : `there are ${known}`;
  throw new PipelineError('MODEL_UNKNOWN', `no pipeline for a model "${model}" is configured; ${those}`);
}

/** Null if the model was removed, undefined if it never was there. */
export async function pipelineIn({ configs }: Holder, model: string): Promise<CarriedPipeline | null | undefined> {
  try {
    return (await configs.load(model))?.value.pipeline;
  } catch (error) {
    throw withWayOut(model, error);
  }
}

/** A model whose record is damaged is one of them. */
export async function configuredModels(o: Holder): Promise<readonly string[]> {
  const latest = await latestOf(o);
  return latest.filter(({ pipeline }) => pipeline !== null).map(({ model }) => model);
}

export interface Latest {
  readonly model: string;
  /** Or why it cannot be read; null if the model was removed. */
  readonly pipeline: CarriedPipeline | Failure | null;
}

/** What counts of each model, sorted by name. */
export async function latestOf({ configs }: Holder): Promise<readonly Latest[]> {
  const models = [...(await configs.keys())].sort();
  return Promise.all(
    models.map(async (model) => {
      try {
        return { model, pipeline: (await pipelineIn({ configs }, model)) ?? null };
      } catch (error) {
        const failure = toFailure(error);
        if (failure.code !== 'RECORD_DAMAGED') throw error;
        return { model, pipeline: failure };
      }
    }),
  );
}

export const isFailure = (pipeline: Latest['pipeline']): pipeline is Failure => pipeline !== null && 'code' in pipeline;

function withWayOut(model: string, error: unknown): unknown {
  const { code, message } = toFailure(error);
  if (code !== 'RECORD_DAMAGED') return error;
  const hint = `\`nightshift config history ${model}\` lists the revisions, \`config rollback\` brings one back`;
  return new PipelineError('RECORD_DAMAGED', `${message}; ${hint}`, { cause: error });
}

/** What a schema cannot tell. Throws CONFIG_INVALID with the place of each problem. */
export function checkPipeline(model: string, pipeline: CarriedPipeline): void {
  const problems = wrongSources(model, pipeline);
  if (problems.length > 0) throw new PipelineError('CONFIG_INVALID', problems.join('; '));
  if (pipeline.schedule) checkSchedule(model, pipeline.schedule);
}

export interface Change extends Pick<
  ConfigRecord,
  'model' | 'pipeline' | 'definitions' | 'verb' | 'from' | 'at' | 'by' | 'commandId' | 'reason'
> {
  /** The revision that its sender saw; null: whatever is there. */
  readonly expected: number | null;
}

/** Saves nothing if that is what counts already. Throws CONFIG_STALE, CHECKPOINT_CONFLICT. */
export async function changeConfig(
  configs: Configs,
  { expected, ...change }: Change,
): Promise<{ readonly revision: number; readonly changed: boolean }> {
  const { model, commandId } = change;
  const { kept, latest, number, storeRevision } = await keptOf(configs, model);
  const mine = kept.find((it) => it.commandId === commandId);
  if (mine) return { revision: mine.revision, changed: true };
  if (latest && isSame(latest, change)) return { revision: number, changed: false };
  if (expected !== null && expected !== number) throw stale(model, expected, number, kept.at(-1));
  const record: ConfigRecord = { format: 'nightshift.config/1', revision: number + 1, ...change };
  await configs.save(model, record, storeRevision);
  return { revision: record.revision, changed: true };
}

/** As they lie in the store: a setting without a value is none. */
const isSame = (a: Pick<ConfigRecord, 'pipeline' | 'definitions'>, b: typeof a) =>
  isDeepStrictEqual(asStored(a.pipeline), asStored(b.pipeline)) && isDeepStrictEqual(a.definitions, b.definitions);
const asStored = (pipeline: CarriedPipeline | null): unknown => JSON.parse(JSON.stringify(pipeline));

function stale(model: string, expected: number, number: number, last: ConfigRecord | undefined): PipelineError {
  const seen = expected === 0 ? 'none was there' : `revision ${expected} counted`;
  const now = last ? `revision ${number} counts now, of ${last.by} at ${last.at}` : 'there is none now';
  const hint = `look at \`nightshift config show ${model}\` and apply again`;
  return new PipelineError('CONFIG_STALE', `model ${model}: ${seen} when this change was made, and ${now}; ${hint}`);
}

/** A damaged revision does not count as one: the change is made upon the last that can be read, and put over it. */
export async function keptOf(configs: Configs, model: string) {
  const revisions = await configs.revisions(model);
  const kept = revisions.flatMap(({ stored }) => ('code' in stored ? [] : [stored.value]));
  const last = revisions.at(-1);
  const latest = last && !('code' in last.stored) ? last.stored.value : null;
  return { kept, latest, number: kept.at(-1)?.revision ?? 0, storeRevision: last?.revision ?? 0 };
}
