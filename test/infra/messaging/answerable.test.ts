/** Requests whose answers should go to something else than an inbox. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { API } from '../../../contracts/subjects.ts';
import { answerable, isAnswerable } from '../../../infra/messaging/answerable.ts';
import { serveApi } from '../../../infra/messaging/api.ts';
import { testLogger, withServer } from '../../support/server.ts';

const goesTo = (reply?: string) =>
  isAnswerable({ subject: API.run, ...(reply === undefined ? {} : { reply }) }, testLogger());

test('answerable: an inbox, whatever its prefix, and no reply at all', () => {
  for (const reply of [undefined, '', '_INBOX.x', '_INBOX_door.x.1', 'answers.of.ours'])
    assert.ok(goesTo(reply), reply);
});

test('answerable: no subject that a stream, a bucket, an actor or the server listens to', () => {
  const streams = ['nightshift.audit.x.y', 'nightshift.enrol.face.x', 'nightshift.ctl.pipeline.start'];
  for (const reply of [...streams, '$KV.DEPLOYMENTS.face', '$JS.API.STREAM.DELETE.AUDIT', '$O.MODELS.M.x', '$SRV.PING'])
    assert.not(goesTo(reply), reply);
});

test('answerable: questions and discovery alike are heard with an inbox alone', () =>
  withServer(async ({ connect, log }) => {
    const [server, client] = [await connect(), await connect()];
    const asked: unknown[] = [];
    const answer = async (body: unknown) => {
      asked.push(body);
      return {};
    };
    const api = await serveApi(server, { [API.run]: answer }, log);
    const stray: string[] = [];
    client.subscribe('nightshift.audit.>', { callback: (_error, { subject }) => void stray.push(subject) });
    client.publish(API.run, '1', { reply: 'nightshift.audit.x.question' });
    for (const verb of ['PING', 'INFO', 'STATS'])
      client.publish(`$SRV.${verb}`, '', { reply: `nightshift.audit.x.${verb}` });
    // Of one connection, the requests arrive in their order, and so do the answers to them.
    await client.request('$SRV.STATS.nightshift');
    await client.request(API.run, '2');
    assert.equal([asked, stray], [[2], []]);
    assert.is(answerable(server, log).info?.server_id, server.info?.server_id);
    await api.stop();
  }));

test.run();
