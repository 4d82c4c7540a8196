/** Nights that end with a final refit: it serves, and the next night is compared with the candidate behind it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CompletedSchemas } from '../../contracts/messages.ts';
import { DeploymentSchema } from '../../contracts/release.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { VerificationReportSchema } from '../../contracts/verification.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { createRecordStore, openKv } from '../../infra/stores/record-store.ts';
import { startSystem } from '../../main.ts';
import { digestOf } from '../../services/signing/canonical.ts';
import { runCli } from '../support/cli.ts';
import { withFolder, writeTinyPeople } from '../support/folder.ts';
import { LENIENT_GATES, writeTinyStrangers, lenientWith } from '../support/lenient.ts';
import { connectAs } from '../support/identities.ts';
import { runNight } from '../support/nights.ts';
import { MODEL } from '../support/replicas.ts';
import { testLogger } from '../support/server.ts';

const configOf = (home: string) =>
  ConfigSchema.parse({
    nats: { storeDir: join(home, 'store'), port: 0 },
    models: {
      [MODEL]: {
        sources: [{ type: 'directory', name: 'doors', path: join(home, 'faces') }],
        ...lenientWith(join(home, 'street')),
        decision: { ...lenientWith('').decision, holdOut: { share: 0, min: 6 } },
        image: { width: 16, height: 16 },
        training: { net: [{ type: 'flatten' }, { type: 'dense', units: 16 }], epochs: 4, batchSize: 16, refit: true },
        verification: { gates: LENIENT_GATES, performanceRequests: 10 },
        deployment: { guardMs: 300, guardLatencyP99MsMax: 10_000 },
      },
    },
  });

test('refit: the model that learned all images serves, and the candidate behind it is what the next night is compared with', () =>
  withFolder(async (home) => {
    await writeTinyPeople(join(home, 'faces'), 20, 10);
    await writeTinyStrangers(join(home, 'street'));
    const log = testLogger();
    const { server, stop } = await startSystem(configOf(home), log);
    try {
      const started = { url: server.url, storeDir: join(home, 'store') };
      const client = await connectAs('operator', started);
      const orchestrator = await connectAs('orchestrator', started);
      const kv = await openKv(orchestrator.nc, BUCKETS.deployments);
      const deployments = createRecordStore({ kv, schema: DeploymentSchema });
      const blobs = createBlobStore(client.nc);
      const night = async (runId: string) => {
        const { fact, failure, results } = await runNight(client.bus, runId);
        assert.is(fact, 'completed', failure?.message);
        const verified = CompletedSchemas.verify.parse(results.verify);
        const report = VerificationReportSchema.parse(JSON.parse((await blobs.get(verified.report)).toString()));
        return { verified, report, current: (await deployments.load(MODEL))!.value.current! };
      };
      try {
        const first = await night('first');
        assert.ok(first.report.refit?.serves, JSON.stringify(first.report.refit));
        assert.equal(first.current.model, first.verified.refit);
        assert.is(first.current.judged?.digest, first.report.candidate.digest);
        assert.is.not(first.current.model.digest, first.report.candidate.digest);
        const env = { NATS_URL: server.url, NIGHTSHIFT_STORE: started.storeDir };
        const exported = await runCli(['release', 'export', 'first', '--out', 'out'], { cwd: home, env });
        assert.is(exported.code, 0, exported.stderr);
        assert.is(digestOf(readFileSync(join(home, 'out', 'model.onnx'))), first.current.model.digest);
        await kv.purge(MODEL);
        const restored = await runCli(['release', 'restore', MODEL], { cwd: home, env });
        assert.is(restored.code, 0, restored.stderr);
        await writeTinyPeople(join(home, 'faces'), 22, 10);
        const second = await night('second');
        assert.is(second.report.champion?.digest, first.current.judged?.digest);
        assert.is(second.current.release, 2);
      } finally {
        await Promise.all([client.close(), orchestrator.close()]);
      }
    } finally {
      await stop();
    }
  }));

test.run();
