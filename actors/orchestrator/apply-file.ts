/**
 * At the start of a server of our own: its configuration file is applied, so that `npm start` alone works as ever. A file
 * that says what counts already changes nothing. Never called for a server that somebody else runs; called by main.ts.
 */
import { randomUUID } from 'node:crypto';
import type { NatsConnection } from 'nats';
import type { AuditEntry } from '../../contracts/audit.ts';
import { START } from '../../contracts/identity.ts';
import { apiOfCommand, API_PREFIX, auditSubject, CTL } from '../../contracts/subjects.ts';
import type { LocalDefinitions } from '../../infra/config/local-definitions.ts';
import { demandsLogin } from '../../infra/messaging/connection.ts';
import { createBus, type Bus } from '../../infra/messaging/bus.ts';
import { openConfigs } from '../../infra/stores/config-store.ts';
import type { Logger } from '../../runtime/logger.ts';
import { changeConfig, checkPipeline, configuredModels } from './configuration.ts';

/** Throws CONFIG_INVALID before anything is changed. A model that the file does not name is told, and stays. */
export async function applyFile(nc: NatsConnection, local: LocalDefinitions, log: Logger): Promise<void> {
  const configs = await openConfigs(nc);
  const bus = await createBus({ nc, source: 'orchestrator', log, now: () => new Date(), newId: randomUUID });
  const models = Object.entries(local.pipelines);
  for (const [model, pipeline] of models) checkPipeline(model, pipeline);
  for (const [model, pipeline] of models) {
    const commandId = `start-${randomUUID()}`;
    const at = new Date().toISOString();
    const change = { model, pipeline, definitions: local.writtenOut(model), verb: 'apply' as const, from: null };
    const { revision, changed } = await changeConfig(configs, {
      ...{ ...change, at, by: START, commandId, reason: null, expected: null },
    });
    if (!changed) continue;
    log.info({ model, revision }, 'the configuration file is applied');
    await record(bus, { at, by: START, proven: demandsLogin(nc), id: commandId, about: { model, revision } });
  }
  for (const model of await configuredModels({ configs })) {
    if (!local.pipelines[model]) log.warn({ model }, notNamed(model));
  }
}

const notNamed = (model: string) =>
  `the configuration file does not name the model ${model}, which was applied before and stays; \`nightshift apply --prune\` removes it`;

const ACTION = apiOfCommand(CTL.configApply).slice(API_PREFIX.length);

const record = (bus: Bus, entry: Omit<AuditEntry, 'action' | 'person' | 'reason'>) =>
  bus.publish(
    auditSubject(ACTION),
    { ...entry, action: ACTION, person: null, reason: null },
    { id: `audit.${entry.id}` },
  );
