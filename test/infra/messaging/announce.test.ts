/** An actor as a NATS micro service: found while it is there, and no longer; it answers inboxes alone. */
import { Svcm } from '@nats-io/services';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { announce } from '../../../infra/messaging/announce.ts';
import { withServer } from '../../support/server.ts';

test('announce: an actor is found by its name and by itself, and is gone when it stops', () =>
  withServer(async ({ connect, log }) => {
    const [nc, asker] = [await connect('trainer'), await connect('asker')];
    const found = async () => {
      const ids: string[] = [];
      const client = new Svcm(asker).client({ maxWait: 500, strategy: 'stall' });
      for await (const { name, id, version, metadata } of await client.info('nightshift_trainer')) {
        assert.equal([name, version, metadata?.['actor']], ['nightshift_trainer', '1.2.3', 'trainer']);
        ids.push(id);
      }
      return ids;
    };
    const announced = await announce(nc, 'trainer', '1.2.3', log);
    assert.equal(await found(), [announced.id]);
    const stats = await asker.request(`$SRV.STATS.nightshift_trainer.${announced.id}`, '', { timeout: 5_000 });
    assert.equal(stats.json<{ endpoints?: unknown[] }>().endpoints ?? [], []);

    let answered = 0;
    asker.subscribe('nightshift.ctl.>', { callback: () => void (answered += 1) });
    asker.publish('$SRV.PING.nightshift_trainer', '', { reply: 'nightshift.ctl.pipeline.start' });
    assert.equal(await found(), [announced.id]);
    assert.is(answered, 0, 'its answer goes to inboxes alone');
    await announced.stop();
    const silence = await asker.request('$SRV.PING.nightshift_trainer', '', { timeout: 5_000 }).then(
      () => null,
      (error: Error) => error.name,
    );
    assert.match(String(silence), /NoResponders|RequestError/);
  }));

test.run();
