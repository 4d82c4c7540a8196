/**
 * A door and a viewer may write nothing; an actor that answers them may. They name a stream or a bucket in place of an
 * inbox, so that the answer would be a record, an enrolment or a line of the audit log.
 */
import { join } from 'node:path';
import type { NatsConnection } from 'nats';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { API, auditSubject, BUCKETS, enrolmentSubject, inferSubject, STREAMS } from '../../contracts/subjects.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { managerOf } from '../../infra/messaging/jetstream.ts';
import { kvStreamName, kvSubject } from '../../infra/topology/streams.ts';
import { startSystem } from '../../main.ts';
import { deployTinyChampion } from '../support/champion.ts';
import { withFolder } from '../support/folder.ts';
import { withRoles } from '../support/identities.ts';
import { ask, faceOf, MODEL } from '../support/replicas.ts';
import { testLogger } from '../support/server.ts';

test('stray answers: no request of a door or a viewer has an actor write for it', () =>
  withFolder(async (home) => {
    const [storeDir, log] = [join(home, 'store'), testLogger()];
    const sources = [{ type: 'directory', name: 'faces', path: join(home, 'faces') }];
    const config = ConfigSchema.parse({ nats: { storeDir, port: 0 }, models: { [MODEL]: { sources } } });
    const system = await startSystem(config, log);
    const { url } = system.server;
    try {
      await withRoles({ url, storeDir }, ['orchestrator', 'verifier'], ({ orchestrator, verifier }) =>
        deployTinyChampion(orchestrator.nc, { verifier: verifier.nc, store: storeDir }),
      );
      const face = await faceOf(0);
      await withRoles({ url, storeDir }, ['door', 'viewer', 'setup'], async ({ door, viewer, setup }) => {
        await ask(door.nc, 'identify', face);
        const before = await written(setup.nc);
        const record = kvSubject(BUCKETS.deployments, MODEL);
        for (const reply of [record, enrolmentSubject(MODEL, 'x'), auditSubject('gallery.enroll')])
          door.nc.publish(inferSubject(MODEL, 'identify'), face, { reply });
        for (const subject of [API.models, '$SRV.PING', '$SRV.STATS'])
          for (const reply of [record, auditSubject('pipeline.start')]) viewer.nc.publish(subject, '', { reply });
        // Requests of one connection are answered after those before them: a replica may decode two at once.
        await ask(door.nc, 'identify', face);
        await ask(door.nc, 'identify', face);
        await viewer.ask(API.models, {});
        assert.equal(await written(setup.nc), before);
      });
    } finally {
      await system.stop();
    }
  }));

/** The last sequence of each stream that they aim at. */
async function written(nc: NatsConnection): Promise<number[]> {
  const { streams } = await managerOf(nc);
  const aimedAt = [kvStreamName(BUCKETS.deployments), STREAMS.enrolments, STREAMS.audit];
  return Promise.all(aimedAt.map(async (stream) => (await streams.info(stream)).state.last_seq));
}

test.run();
