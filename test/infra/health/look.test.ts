import { PermissionViolationError } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { look, mayAskJetStream } from '../../../infra/health/look.ts';
import { managerOf } from '../../../infra/messaging/jetstream.ts';
import { withServer } from '../../support/server.ts';

test('doctor: an answer, a thing that is not there, a right that is missing and silence are told apart', () =>
  withServer(async ({ connect }) => {
    const manager = await managerOf(await connect());
    assert.ok(await mayAskJetStream(await connect()));
    assert.equal(await look(async () => 7), { kind: 'there', info: 7 });
    assert.equal(await look(() => manager.streams.info('NOWHERE')), { kind: 'missing' });
    const violation = new PermissionViolationError('no', 'publish', 'x');
    assert.equal(await look(() => Promise.reject(new Error('outer', { cause: violation }))), { kind: 'denied' });
    assert.equal(await look(() => Promise.reject(new Error('timeout'))), { kind: 'silent', why: 'timeout' });
  }));

test.run();
