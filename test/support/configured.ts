/** Puts pipelines into the system past operators and files, for tests that are about something else. */
import { randomUUID } from 'node:crypto';
import type { NatsConnection } from 'nats';
import { changeConfig } from '../../actors/orchestrator/configuration.ts';
import type { CarriedPipeline } from '../../contracts/configuration/carried.ts';
import type { ConfigDefinitions, ConfigRecord } from '../../contracts/configuration/record.ts';
import type { Config } from '../../infra/config/config.ts';
import { localDefinitions } from '../../infra/config/local-definitions.ts';
import { openConfigs } from '../../infra/stores/config-store.ts';
import type { RecordStore } from '../../infra/stores/record-store.ts';

export async function configure(
  configs: RecordStore<ConfigRecord>,
  models: Readonly<Record<string, CarriedPipeline>>,
  definitionsOf: (model: string) => ConfigDefinitions = () => ({}),
): Promise<void> {
  for (const [model, pipeline] of Object.entries(models)) {
    await changeConfig(configs, {
      ...{ model, pipeline, definitions: definitionsOf(model), verb: 'apply', from: null, expected: null },
      ...{ at: new Date().toISOString(), by: 'test', commandId: randomUUID(), reason: null },
    });
  }
}

/** As `nightshift apply` would with this file. */
export async function configureAsIn(nc: NatsConnection, config: Config): Promise<void> {
  const { pipelines, writtenOut } = localDefinitions(config);
  await configure(await openConfigs(nc), pipelines, writtenOut);
}
