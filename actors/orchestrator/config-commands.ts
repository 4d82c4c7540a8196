/**
 * Operator commands and questions about the configuration: apply, roll back and remove, and what there was. The records are
 * in configuration.ts; the schedule of a model follows its record at once. Lines in the tables of commands.ts and api.ts.
 */
import type { CommandData } from '../../contracts/commands.ts';
import type { ConfigRecord, ConfigRevision, ShownConfig } from '../../contracts/configuration/record.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { CTL } from '../../contracts/subjects.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import type { Obeyed } from './answer.ts';
import {
  changeConfig,
  checkPipeline,
  keptOf,
  pipelineIn,
  pipelineOf,
  type Change,
  type Holder,
} from './configuration.ts';
import type { OrchestratorContext } from './context.ts';
import { configureSchedule } from './schedule.ts';
import { senderOf } from './sender.ts';

export async function applyConfig(
  o: OrchestratorContext,
  { model, pipeline, definitions, expected, reason }: CommandData<typeof CTL.configApply>,
  delivery: Delivery,
): Promise<Obeyed> {
  checkPipeline(model, pipeline);
  const change = { verb: 'apply' as const, pipeline, definitions, from: null };
  return obeyed(o, delivery, { model, expected, reason, ...change });
}

/** Throws CONFIG_UNKNOWN, COMMAND_NOT_APPLICABLE for a revision that has no pipeline. */
export async function rollBackConfig(
  o: OrchestratorContext,
  { model, revision, expected, reason }: CommandData<typeof CTL.configRollback>,
  delivery: Delivery,
): Promise<Obeyed> {
  const { pipeline, definitions } = await revisionOf(o, model, revision);
  if (pipeline === null) {
    const hint = `\`nightshift apply --prune\` removes a model`;
    throw new PipelineError('COMMAND_NOT_APPLICABLE', `revision ${revision} removed the model ${model}; ${hint}`);
  }
  checkPipeline(model, pipeline);
  const change = { verb: 'rollback' as const, pipeline, definitions, from: revision };
  return obeyed(o, delivery, { model, expected, reason, ...change });
}

/** Throws MODEL_UNKNOWN. */
export async function removeConfig(
  o: OrchestratorContext,
  { model, expected, reason }: CommandData<typeof CTL.configRemove>,
  delivery: Delivery,
): Promise<Obeyed> {
  if ((await pipelineIn(o, model)) === undefined) await pipelineOf(o, model);
  const change = { verb: 'remove' as const, pipeline: null, definitions: {}, from: null };
  return obeyed(o, delivery, { model, expected, reason, ...change });
}

type Wanted = Omit<Change, 'at' | 'by' | 'commandId' | 'reason'> & { readonly reason?: string | undefined };

/** A redelivery finds its revision, and makes sure of the schedule. */
async function obeyed(o: OrchestratorContext, delivery: Delivery, wanted: Wanted): Promise<Obeyed> {
  const { by } = senderOf(o, delivery);
  const { model, verb, reason = null } = wanted;
  const change = { ...wanted, reason, by, commandId: delivery.envelope.id, at: o.now().toISOString() };
  const { revision, changed } = await changeConfig(o.configs, change);
  await configureSchedule(o, model);
  if (changed) o.log.info({ model, revision, verb, by, reason }, 'orchestrator: the configuration has changed');
  return { checkpoint: null, changed, revision };
}

async function revisionOf({ configs }: Holder, model: string, revision: number | undefined): Promise<ConfigRecord> {
  const { kept, number } = await keptOf(configs, model);
  const wanted = revision ?? number;
  const found = kept.find((it) => it.revision === wanted);
  if (found) return found;
  if (number === 0) throw new PipelineError('MODEL_UNKNOWN', `no model "${model}" was ever configured`);
  const there = kept.map((it) => it.revision).join(', ') || 'none';
  throw new PipelineError(
    'CONFIG_UNKNOWN',
    `model ${model}: revision ${wanted} is not kept or is damaged; there are ${there}`,
  );
}

/** For people, as are the next two. */
export async function listConfigs(o: Holder): Promise<ConfigRevision[]> {
  const models = [...(await o.configs.keys())].sort();
  const kept = await Promise.all(models.map(async (model) => (await keptOf(o.configs, model)).kept.at(-1)));
  return kept.flatMap((record) => (record ? [lineOf(record)] : []));
}

export async function showConfig(
  o: Holder,
  { model, revision }: { model: string; revision?: number | undefined },
): Promise<ShownConfig> {
  const record = await revisionOf(o, model, revision);
  return { ...lineOf(record), pipeline: record.pipeline, definitions: record.definitions };
}

/** Throws MODEL_UNKNOWN. */
export async function configHistory(o: Holder, model: string): Promise<ConfigRevision[]> {
  const { kept, number } = await keptOf(o.configs, model);
  if (number === 0) throw new PipelineError('MODEL_UNKNOWN', `no model "${model}" was ever configured`);
  return kept.map(lineOf).reverse();
}

const lineOf = ({ model, revision, at, by, verb, from, reason, pipeline }: ConfigRecord): ConfigRevision => ({
  ...{ model, revision, at, by, verb, from, reason },
  removed: pipeline === null,
});
