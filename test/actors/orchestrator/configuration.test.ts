/** How a record of the configuration changes, and what is read of it, over a real server. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  changeConfig,
  checkPipeline,
  configuredModels,
  latestOf,
  pipelineIn,
  pipelineOf,
  type Change,
} from '../../../actors/orchestrator/configuration.ts';
import { BUCKETS } from '../../../contracts/subjects.ts';
import { openConfigs, openSeenConfigs } from '../../../infra/stores/config-store.ts';
import { openKv } from '../../../infra/stores/record-store.ts';
import { failureOf } from '../../support/failures.ts';
import { pipelineConfig } from '../../support/runs.ts';
import { withServer } from '../../support/server.ts';

const changeOf = (commandId: string, more: Partial<Change> = {}): Change => ({
  ...{ model: 'face', pipeline: pipelineConfig(), definitions: {}, verb: 'apply', from: null, expected: null },
  ...{ at: '2026-01-01T00:00:00.000Z', by: 'ada', commandId, reason: null, ...more },
});

test('configuration records: numbers of revisions are a model’s own, and a model that was removed is none', () =>
  withServer(async ({ connect }) => {
    const configs = await openConfigs(await connect());
    const o = { configs };
    assert.equal((await failureOf(() => pipelineOf(o, 'face'))).message.includes('none is; `nightshift apply'), true);
    assert.equal(await changeConfig(configs, changeOf('a')), { revision: 1, changed: true });
    assert.equal(await changeConfig(configs, changeOf('b', { model: 'door' })), { revision: 1, changed: true });
    const removal = changeOf('c', { pipeline: null, verb: 'remove', expected: 1 });
    assert.equal(await changeConfig(configs, removal), { revision: 2, changed: true });
    assert.equal(await configuredModels(o), ['door']);
    assert.equal([await pipelineIn(o, 'face'), await pipelineIn(o, 'cats')], [null, undefined]);
    assert.match((await failureOf(() => pipelineOf(o, 'face'))).message, 'there are door');
  }));

test('configuration records: a redelivered command finds its revision, also if another came after it', () =>
  withServer(async ({ connect }) => {
    const configs = await openConfigs(await connect());
    const first = changeOf('a', { expected: 0 });
    await changeConfig(configs, first);
    await changeConfig(configs, changeOf('b', { definitions: { 'sources.people': 'a'.repeat(12) }, expected: 1 }));
    assert.equal(await changeConfig(configs, first), { revision: 1, changed: true });
    const other = changeOf('c', { expected: 1, verb: 'remove', pipeline: null });
    assert.is((await failureOf(() => changeConfig(configs, other))).code, 'CONFIG_STALE');
  }));

test('configuration records: a setting of another version hinders nobody who only looks for names', () =>
  withServer(async ({ connect }) => {
    const nc = await connect();
    const configs = await openConfigs(nc);
    await changeConfig(configs, changeOf('a'));
    const kv = await openKv(nc, BUCKETS.config);
    const { sum: _, ...record } = (await kv.get('face'))!.json<{ sum: string; pipeline: object }>(); // Just saved.
    const newer = { ...record, pipeline: { ...record.pipeline, telepathy: true } };
    await kv.put('face', JSON.stringify(newer));
    const [latest] = await latestOf({ configs });
    assert.is(latest?.pipeline && 'code' in latest.pipeline && latest.pipeline.code, 'RECORD_DAMAGED');
    const [seen] = await (await openSeenConfigs(nc)).list();
    assert.is(seen?.value.pipeline?.sources[0]?.name, 'people');
  }));

test('configuration records: a schedule that cannot be read is told by its place', () => {
  checkPipeline('face', pipelineConfig({ schedule: { cron: '0 2 * * *' } }));
  try {
    checkPipeline('face', pipelineConfig({ schedule: { cron: '0 2 * * *', timeZone: 'Moon/Crater' } }));
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /^models\.face\.schedule: .*Moon\/Crater/);
  }
});

test.run();
