/** A server of our own gets its configuration from its file at each start, and a second start changes nothing. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import pino from 'pino';
import { applyFile } from '../../../actors/orchestrator/apply-file.ts';
import { openConfigs } from '../../../infra/stores/config-store.ts';
import { createAuditStore } from '../../../infra/stores/audit-store.ts';
import { failureOf } from '../../support/failures.ts';
import { definitionsOf } from '../../support/local.ts';
import { withServer } from '../../support/server.ts';

const sources = [{ type: 'directory', name: 'auth', path: '/faces' }];
const face = { sources, schedule: { cron: '0 2 * * *' } };

test('apply file: once makes a revision and a line of the audit log, twice nothing, and what it leaves out stays', () =>
  withServer(async ({ connect }) => {
    const nc = await connect();
    const lines: string[] = [];
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
    const configs = await openConfigs(nc);
    const revisions = async (model: string) => (await configs.history(model)).map(({ value }) => value.revision);
    const audited = async () => (await (await createAuditStore(nc)).newest(10, null)).entries;
    for (const _ of ['first', 'second']) await applyFile(nc, definitionsOf({ face, door: { sources } }), log);
    assert.equal([await revisions('face'), await revisions('door')], [[1], [1]]);
    assert.equal(
      [...(await audited())].reverse().map(({ action, by, about }) => [action, by, about]),
      ['face', 'door'].map((model) => ['config.apply', 'start', { model, revision: 1 }]),
    );
    await applyFile(nc, definitionsOf({ face: { ...face, training: { epochs: 3 } } }), log);
    assert.equal([await revisions('face'), await revisions('door')], [[1, 2], [1]]);
    assert.match(lines.join(''), /does not name the model door, which was applied before and stays.*--prune/);
  }));

test('apply file: one that is wrong changes nothing at all', () =>
  withServer(async ({ connect, log }) => {
    const nc = await connect();
    const bad = { sources, schedule: { cron: 'never' } };
    const failure = await failureOf(() => applyFile(nc, definitionsOf({ door: { sources }, face: bad }), log));
    assert.is(failure.code, 'CONFIG_INVALID');
    assert.equal(await (await openConfigs(nc)).keys(), []);
  }));

test.run();
