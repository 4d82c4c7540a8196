/** Streams of samples on a real server: heads in order, bodies by their place, and the rights that it takes. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SampleHead } from '../../../contracts/sample-streams.ts';
import { sampleStreamRights } from '../../../infra/access/permissions.ts';
import { connectNats } from '../../../infra/messaging/connection.ts';
import { createSampleStreams } from '../../../infra/stores/sample-streams.ts';
import { jetStreamIn, withOwnServer } from '../../support/own-server.ts';
import { withFolder } from '../../support/folder.ts';
import { makeSampleStream } from '../../support/sample-stream.ts';
import { cancelled, failureOf } from '../../support/samples.ts';
import { testLogger, withBareServer } from '../../support/server.ts';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const NEVER = new AbortController().signal;

async function all(heads: AsyncIterable<SampleHead>): Promise<SampleHead[]> {
  const found: SampleHead[] = [];
  for await (const head of heads) found.push(head);
  return found;
}

test('sample streams: all heads come in order, without bodies, up to the last of the moment', () =>
  withBareServer(async ({ connect }) => {
    const nc = await connect();
    const owner = await makeSampleStream(nc, 'BADGES');
    for (let at = 1; at <= 2_500; at++)
      await owner.publish({ id: `s${at}`, label: 'آرش', tags: ['light: left', 'dark'], bytes: Buffer.alloc(at % 7) });
    await owner.remove(2_500);
    await owner.remove(17);
    const stream = (await createSampleStreams(nc).open('BADGES'))!;
    await owner.publish({ id: 'later', label: 'ada', bytes: Buffer.from('x') });
    const heads = await all(stream.heads(NEVER));
    assert.is(heads.length, 2_498);
    assert.equal(heads[0], { sequence: 1, id: 's1', label: 'آرش', tags: ['light: left', 'dark'], bytes: 1 });
    assert.ok(heads.every(({ sequence }, at) => at === 0 || sequence > heads[at - 1]!.sequence));
    assert.is((await stream.body(6))!.length, 6);
    assert.is(await stream.body(17), null);
  }));

test('sample streams: one that is empty has none, one that is absent is null, an abort ends the reading', () =>
  withBareServer(async ({ connect }) => {
    const nc = await connect();
    const owner = await makeSampleStream(nc, 'BADGES');
    const streams = createSampleStreams(nc);
    assert.equal(await all((await streams.open('BADGES'))!.heads(NEVER)), []);
    assert.is(await streams.open('NOBODY'), null);
    await owner.publish({ id: 'a', bytes: Buffer.from('x') });
    const stream = (await streams.open('BADGES'))!;
    assert.is((await failureOf(all(stream.heads(AbortSignal.abort(cancelled()))))).code, 'CANCELLED');
  }));

test('sample streams: a user with these rights reads its stream and no other', () =>
  withFolder((folder) => {
    mkdirSync(join(folder, 'jetstream'));
    const rights = ['$JS.API.INFO', ...sampleStreamRights('BADGES')];
    const users = `authorization { users: [ { user: owner, password: owner }, { user: reader, password: reader,
      permissions: { publish: ${JSON.stringify(rights)}, subscribe: ["_INBOX.>"] } } ] }`;
    return withOwnServer(folder, `${jetStreamIn(folder)}\n${users}`, async ({ address }) => {
      const login = (user: string) => {
        process.env[`NIGHTSHIFT_TEST_${user}`] = user;
        const password = { env: `NIGHTSHIFT_TEST_${user}` };
        return connectNats({ url: `nats://${address}`, login: { user, password }, name: user, log: testLogger() });
      };
      const [owner, reader] = [await login('owner'), await login('reader')];
      try {
        for (const name of ['BADGES', 'SECRETS'])
          await (await makeSampleStream(owner, name)).publish({ id: 'a', label: 'ada', bytes: Buffer.from('x') });
        const stream = (await createSampleStreams(reader).open('BADGES'))!;
        assert.is((await all(stream.heads(NEVER))).length, 1);
        assert.is((await stream.body(1))!.toString(), 'x');
        const refused: unknown = await createSampleStreams(reader)
          .open('SECRETS')
          .catch((error: unknown) => error);
        assert.instance(refused, Error);
      } finally {
        await Promise.all([owner.close(), reader.close()]);
      }
    });
  }));

test.run();
