/**
 * A person is forgotten after two nights: the files of the store hold neither the name nor the images any more, those of
 * another person are still there, and everything goes on.
 */
import { rename, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connectClient, type Client } from '../../cli/client.ts';
import { OutcomeSchema } from '../../contracts/commands.ts';
import { ForgetReportSchema } from '../../contracts/forgetting.ts';
import { API, BUCKETS, pipelineEventSubject, STREAMS } from '../../contracts/subjects.ts';
import { DeploymentSchema } from '../../contracts/release.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { createRecordStore, openKv } from '../../infra/stores/record-store.ts';
import { startSystem } from '../../main.ts';
import { readManifest } from '../../services/data/load.ts';
import { runCli } from '../support/cli.ts';
import { withFolder, writeTinyPeople } from '../support/folder.ts';
import { lenientIn, LENIENT_GATES } from '../support/lenient.ts';
import { runNight } from '../support/nights.ts';
import { ask, MODEL } from '../support/replicas.ts';
import { testLogger } from '../support/server.ts';
import { until } from '../support/wait.ts';
import { filesWith } from '../support/store-grep.ts';

const GONE = 'Quentin Zappa';
const STAYS = 'Ottilie Brandt';
const SHOTS = 10;
const PEOPLE = 20;

const configOf = async (home: string, retention: object) =>
  ConfigSchema.parse({
    // In clear, so that its files can be searched.
    nats: { storeDir: join(home, 'store'), port: 0, insecure: true },
    retention,
    models: {
      [MODEL]: {
        sources: [{ type: 'directory', name: 'doors', path: join(home, 'faces') }],
        ...(await lenientIn(home)),
        image: { width: 16, height: 16 },
        training: { net: [{ type: 'flatten' }, { type: 'dense', units: 16 }], epochs: 2, batchSize: 16 },
        verification: { gates: LENIENT_GATES, performanceRequests: 10 },
        deployment: { guardMs: 100, guardLatencyP99MsMax: 10_000 },
      },
    },
  });

/** Middle slices of the person's images, as PNG and as base64 of it. */
function tracesOf(home: string, person: string, files: readonly number[]): Buffer[] {
  return files.flatMap((file) => {
    const png = readFileSync(join(home, 'faces', person, `${file}.png`));
    const middle = png.subarray(90, 150);
    return [middle, Buffer.from(middle.toString('base64'))];
  });
}

type Use = (home: string, client: Client, url: string) => Promise<void>;

async function withPeople(use: Use, retention: object = {}): Promise<void> {
  await withFolder(async (home) => {
    const faces = join(home, 'faces');
    await writeTinyPeople(faces, PEOPLE, SHOTS);
    await rename(join(faces, 'p3'), join(faces, GONE));
    await rename(join(faces, 'p4'), join(faces, STAYS));
    const { server, stop } = await startSystem(await configOf(home, retention), testLogger());
    try {
      const client = await connectClient(server.url, testLogger());
      try {
        await use(home, client, server.url);
      } finally {
        await client.close();
      }
    } finally {
      await stop();
    }
  });
}

const filesOf = (first: number) => Array.from({ length: SHOTS }, (_, shot) => first + shot * PEOPLE);

async function night(client: Client, runId: string) {
  const end = await runNight(client.bus, runId);
  assert.is(end.fact, 'completed', end.failure?.message);
}

test('forget: no byte of the name or of an image is left in the store, and nights and replicas go on', () =>
  withPeople(async (home, client, url) => {
    const store = join(home, 'store');
    const gone = tracesOf(home, GONE, filesOf(3));
    const stays = tracesOf(home, STAYS, filesOf(4));
    const [hisImage, herImage] = [3, 4].map((number, index) =>
      readFileSync(join(home, 'faces', [GONE, STAYS][index]!, `${number}.png`)),
    ) as [Buffer, Buffer];
    await night(client, 'first');
    await writeTinyPeople(join(home, 'faces'), 1, 12);
    await night(client, 'second');
    for (const [person, image] of [
      [GONE, hisImage],
      [STAYS, herImage],
    ] as const) {
      const enrolled = await ask(client.nc, 'enroll', image, { person });
      assert.is(enrolled.status, 200, JSON.stringify(enrolled.body));
    }
    const found = (traces: readonly (Buffer | string)[]) => traces.map((trace) => filesWith(store, trace).length);
    assert.ok(found([GONE, STAYS, ...gone.filter((_, at) => at % 2 === 0)]).every((files) => files > 0));

    await rm(join(home, 'faces', GONE), { recursive: true });
    const command = (...args: string[]) => runCli(['forget', ...args], { cwd: home, env: { NATS_URL: url } });
    const look = await command(GONE, '--dry-run', '--json');
    assert.is(look.code, 0, look.stderr);
    const looked = ForgetReportSchema.parse(JSON.parse(look.stdout));
    assert.ok(looked.found && looked.rows.some(({ removed }) => removed > 0));
    assert.ok(
      found([GONE]).every((files) => files > 0),
      'a look changes nothing',
    );

    const forgotten = await command(GONE, '--yes', '--json');
    assert.is(forgotten.code, 0, forgotten.stderr);
    const report = ForgetReportSchema.parse(JSON.parse(forgotten.stdout));
    const removed = (place: string, what: string) =>
      report.rows.find((row) => row.place === place && row.what === what)?.removed;
    assert.equal(report.sources, ['doors']);
    assert.ok(removed('DATASETS', 'samples')! >= SHOTS);
    assert.is(removed('ENROLMENTS', 'changes of galleries'), 1);
    const encoded = [Buffer.from(GONE).toString('base64'), JSON.stringify(GONE)];
    for (const trace of [GONE, ...encoded, ...gone])
      assert.equal(filesWith(store, trace), [], `${trace.toString()} is still there`);
    assert.ok(found([STAYS, ...stays.filter((_, at) => at % 2 === 0)]).every((files) => files > 0));

    const his = await ask(client.nc, 'verify', hisImage, { person: GONE });
    assert.match(his.text, /is not enrolled/);
    assert.is((await ask(client.nc, 'verify', herImage, { person: STAYS })).status, 200);
    const again = await command(GONE, '--yes', '--json');
    assert.is(ForgetReportSchema.parse(JSON.parse(again.stdout)).found, false);

    const { models } = await client.ask(API.status, {});
    assert.is(models[0]?.deployment?.current?.release, 2);
    const blobs = createBlobStore(client.nc);
    const record = createRecordStore({ kv: await openKv(client.nc, BUCKETS.deployments), schema: DeploymentSchema });
    const { dataset } = (await record.load(MODEL))!.value.current!;
    const manifest = await readManifest(dataset!, blobs);
    assert.ok(!manifest.labels.includes(GONE) && manifest.labels.includes(STAYS), 'the old reference leads to the new');
    await night(client, 'third');
    assert.is((await client.ask(API.status, {})).models[0]?.deployment?.current?.release, 3);

    const back = await runCli(['rollback', MODEL, '--to', '1'], { cwd: home, env: { NATS_URL: url } });
    assert.is(back.code, 0, back.stderr);
    assert.match((await ask(client.nc, 'verify', hisImage, { person: GONE })).text, /is not enrolled/);
    const fork = ['fork', 'first', '--from', 'train', '--json'];
    const forked = await runCli(fork, { cwd: home, env: { NATS_URL: url } });
    const { runId } = OutcomeSchema.parse(JSON.parse(forked.stdout));
    const completed = pipelineEventSubject('completed', runId!);
    await until(() => client.bus.lastOn(STREAMS.events, completed), 'the fork from the first snapshot to be completed');
    assert.equal(filesWith(store, GONE), []);
  }));

test('forget: a person who is gone from all sources for long enough is forgotten after a night, and may come back', () =>
  withPeople(
    async (home, client) => {
      const [store, faces] = [join(home, 'store'), join(home, 'faces')];
      const traces = [GONE, ...tracesOf(home, GONE, filesOf(3))];
      const left = () => traces.flatMap((trace) => filesWith(store, trace)).length;
      await night(client, 'first');
      await rename(join(faces, GONE), join(home, 'away'));
      assert.ok(left() > 0);
      await night(client, 'second');
      await until(() => left() === 0, 'the absent person to be forgotten');
      assert.ok(filesWith(store, STAYS).length > 0);
      await rename(join(home, 'away'), join(faces, GONE));
      await night(client, 'third');
      assert.ok(left() > 0, 'who is employed again is collected again');
    },
    // Gone is who was missing in one night.
    { absentDays: 0 },
  ));

test('forget: a person whom a source still lists is left out of later nights until --undo', () =>
  withPeople(async (home, client, url) => {
    const store = join(home, 'store');
    const command = (...args: string[]) => runCli(['forget', ...args], { cwd: home, env: { NATS_URL: url } });
    await night(client, 'first');
    const unasked = await command(GONE);
    assert.equal([unasked.code, filesWith(store, GONE).length > 0], [2, true]);
    const forgotten = await command(GONE, '--yes');
    assert.is(forgotten.code, 0, forgotten.stderr);
    assert.match(forgotten.stdout, /source "doors" listed them when it was last read: take them out there, too/);
    assert.match(forgotten.stdout, /DATASETS +│ samples +│ 0 +│ 0 +│ 10 +│ 0 /);
    await night(client, 'second');
    assert.equal(filesWith(store, GONE), []);
    const undone = await command(GONE, '--undo');
    assert.is(undone.stdout, `"${GONE}" may be collected again\n`);
    await night(client, 'third');
    assert.ok(filesWith(store, GONE).length > 0);
  }));

test.run();
