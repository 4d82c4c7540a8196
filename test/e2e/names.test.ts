/**
 * People whose names are more than letters of ASCII, by the whole system: a Persian name with a joiner and one in two
 * Unicode forms are learned, enrolled, removed and forgotten, and "Ada" with a space at its end is Ada.
 */
import { readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ForgetReportSchema } from '../../contracts/forgetting.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { DeploymentSchema } from '../../contracts/release.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { createRecordStore, openKv } from '../../infra/stores/record-store.ts';
import { startSystem } from '../../main.ts';
import { readManifest } from '../../services/data/load.ts';
import { connectClient } from '../../cli/client.ts';
import { runCli } from '../support/cli.ts';
import { withFolder, writeTinyPeople } from '../support/folder.ts';
import { lenientIn, LENIENT_GATES } from '../support/lenient.ts';
import { runNight } from '../support/nights.ts';
import { ask, MODEL } from '../support/replicas.ts';
import { testLogger } from '../support/server.ts';
import { filesWith } from '../support/store-grep.ts';

/** The joiner keeps two letters apart that would be joined: without it, it is another word. */
const PERSIAN = 'علی\u200cرضا فرخ\u200cزاد';
const ZOE = 'Zoé Ångström';
const PEOPLE = 12;

test('names: a Persian name with a joiner is trained, enrolled, removed and forgotten, in any spelling of it', () =>
  withFolder(async (home) => {
    const faces = join(home, 'faces');
    await writeTinyPeople(faces, PEOPLE, 8);
    await rename(join(faces, 'p3'), join(faces, PERSIAN));
    // As some file systems spell it, and as somebody has typed it.
    await rename(join(faces, 'p4'), join(faces, ZOE.normalize('NFD')));
    await rename(join(faces, 'p5'), join(faces, 'Ada '));
    const store = join(home, 'store');
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
    const { server, stop } = await startSystem(config, testLogger());
    const client = await connectClient(server.url, testLogger());
    const cli = (...args: string[]) => runCli(args, { cwd: home, env: { NATS_URL: server.url } });
    const cliJson = async (...args: string[]): Promise<{ person: string }> => {
      const { code, stdout, stderr } = await cli(...args, '--json');
      assert.is(code, 0, stderr);
      return JSON.parse(stdout) as { person: string };
    };
    try {
      const end = await runNight(client.bus, 'first');
      assert.is(end.fact, 'completed', end.failure?.message);
      const record = createRecordStore({ kv: await openKv(client.nc, BUCKETS.deployments), schema: DeploymentSchema });
      const { dataset } = (await record.load(MODEL))!.value.current!;
      const { labels, quarantinedTotal } = await readManifest(dataset!, createBlobStore(client.nc));
      assert.is(quarantinedTotal, 0);
      for (const name of [PERSIAN, ZOE, 'Ada']) assert.ok(labels.includes(name), `${name} of ${labels.join()}`);

      const file = join(faces, PERSIAN, '3.png');
      const image = readFileSync(file);
      assert.is((await ask(client.nc, 'verify', image, { person: PERSIAN })).body.person, PERSIAN);
      const without = await ask(client.nc, 'verify', image, { person: PERSIAN.replaceAll('\u200c', '') });
      assert.match(without.text, /is not enrolled/);
      assert.is((await cliJson('enroll', MODEL, ` ${PERSIAN} `, file)).person, PERSIAN);
      assert.is((await cliJson('remove', MODEL, PERSIAN)).person, PERSIAN);
      assert.match((await ask(client.nc, 'verify', image, { person: PERSIAN })).text, /is not enrolled/);
      assert.is((await cliJson('enroll', MODEL, PERSIAN, file)).person, PERSIAN);
      assert.is((await cliJson('remove', MODEL, ZOE.normalize('NFD'))).person, ZOE);
      assert.is((await cliJson('remove', MODEL, 'Ada  ')).person, 'Ada');
      const override = await cli('enroll', MODEL, 'Ada\u202e', file);
      assert.is(override.code, 1);
      assert.match(override.stderr, /U\+202E, which cannot be seen.*\[REQUEST_INVALID\]/);

      const forgotten = await cli('forget', PERSIAN, '--yes', '--json');
      assert.is(forgotten.code, 0, forgotten.stderr);
      const report = ForgetReportSchema.parse(JSON.parse(forgotten.stdout));
      assert.ok(report.found && report.rows.some(({ place, removed }) => place === 'DATASETS' && removed === 8));
      for (const trace of [PERSIAN, Buffer.from(PERSIAN).toString('base64')]) assert.equal(filesWith(store, trace), []);
      assert.ok(filesWith(store, ZOE).length > 0);
    } finally {
      await client.close();
      await stop();
    }
  }));

test.run();
