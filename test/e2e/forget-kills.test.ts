/** The janitor is killed with -9 at one point after the other; another goes on, and the end is the same as without. */
import { rename, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nanos } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connectClient } from '../../cli/client.ts';
import { ForgetReportSchema } from '../../contracts/forgetting.ts';
import { CTL, janitorEventSubject, STREAMS } from '../../contracts/subjects.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { managerOf } from '../../infra/messaging/jetstream.ts';
import { sendCommand } from '../../infra/messaging/send-command.ts';
import { openForgotten } from '../../infra/stores/forgotten-store.ts';
import { CONSUMERS } from '../../infra/topology/consumers.ts';
import { startActor, startSystem } from '../../main.ts';
import { personHash } from '../../services/forgetting/name.ts';
import { createVictims } from '../support/crash/victims.ts';
import { withFolder, writeTinyPeople } from '../support/folder.ts';
import { lenientIn, LENIENT_GATES } from '../support/lenient.ts';
import { runNight } from '../support/nights.ts';
import { MODEL } from '../support/replicas.ts';
import { testLogger } from '../support/server.ts';
import { filesWith } from '../support/store-grep.ts';
import { until } from '../support/wait.ts';

const GONE = 'Quentin Zappa';
/** In the order in which a forgetting comes to them: each janitor gets a little further. */
const DEATHS = [
  'janitor.forwarded@gallery.safetensors',
  'worker.stored@shards/',
  'worker.stored@manifests/',
  'janitor.forwarded@manifests/',
  'janitor.erasing@shards/',
];

test('forget: a janitor that is killed at any point leaves work that the next one ends', () =>
  withFolder(async (home) => {
    const [faces, store] = [join(home, 'faces'), join(home, 'store')];
    await writeTinyPeople(faces, 12, 8);
    await rename(join(faces, 'p3'), join(faces, GONE));
    const slice = readFileSync(join(faces, GONE, '3.png')).subarray(90, 150);
    const config = ConfigSchema.parse({
      nats: { storeDir: store, port: 0, insecure: true },
      models: {
        [MODEL]: {
          sources: [{ type: 'directory', name: 'doors', path: faces }],
          ...(await lenientIn(home)),
          image: { width: 16, height: 16 },
          training: { net: [{ type: 'flatten' }, { type: 'dense', units: 16 }], epochs: 2, batchSize: 16 },
          verification: { gates: LENIENT_GATES, performanceRequests: 10 },
          deployment: { guardMs: 100, guardLatencyP99MsMax: 10_000 },
        },
      },
    });
    const releases = { keysDir: join(store, 'keys') };
    const log = testLogger();
    const { server, stop } = await startSystem(config, log, [
      ...(['orchestrator', 'collector', 'trainer', 'verifier', 'inference'] as const),
    ]);
    const victims = createVictims();
    const client = await connectClient(server.url, log);
    try {
      assert.is((await runNight(client.bus, 'first')).fact, 'completed');
      await rm(join(faces, GONE), { recursive: true });
      const forgotten = await openForgotten(client.nc);
      await forgotten.makeSalt();
      // A message of a killed janitor comes back after this; in production after 30 s.
      const manager = await managerOf(client.nc);
      await manager.consumers.update(STREAMS.commands, CONSUMERS.janitor, { ack_wait: nanos(1_000) });
      const person = personHash(GONE, (await forgotten.salt())!);
      const order = (id: string) =>
        sendCommand(client.bus, { subject: CTL.personForget, data: { person }, id, silence: 'nobody obeys' });
      for (const [index, fault] of DEATHS.entries()) {
        // A new order each time: one message may not kill more than five.
        await order(`order-${index}`);
        const url = server.url;
        const victim = await victims.start({
          actor: 'janitor',
          url,
          config: { ...config, nats: { url }, releases },
          fault,
        });
        await until(victim.dead, `the janitor to die at ${fault}`);
        await victim.end();
      }
      assert.ok(filesWith(store, slice).length > 0, 'the last kill came before the end');
      const janitor = await startActor('janitor', server.url, config, log);
      try {
        const last = janitorEventSubject('completed', `order-${DEATHS.length - 1}`);
        const done = await until(() => client.bus.lastOn(STREAMS.events, last), 'the order to be carried out');
        ForgetReportSchema.parse(done.data);
      } finally {
        await janitor.stop();
      }
      assert.equal([...filesWith(store, slice), ...filesWith(store, GONE)], []);
      const next = await runNight(client.bus, 'second');
      assert.is(next.fact, 'completed', next.failure?.message);
    } finally {
      await client.close();
      await victims.end();
      await stop();
    }
  }));

test.run();
