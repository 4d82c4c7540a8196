/** The shipped subscribers to model.deployed: as a viewer on a night, twice the same event, and with a durable consumer. */
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { nanos, nkeys } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ModelStatus } from '../../contracts/api.ts';
import type { ModelDeployed } from '../../contracts/messages.ts';
import { API, modelDeployedSubject, modelRolledBackSubject, STREAMS } from '../../contracts/subjects.ts';
import { writeNatsCliContext } from '../../infra/access/nats-cli-context.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { serveApi } from '../../infra/messaging/api.ts';
import { createBus } from '../../infra/messaging/bus.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { NAMESPACE_DEFAULT, wireStream } from '../../infra/topology/namespace.ts';
import { applyTopology } from '../../infra/topology/topology.ts';
import { startSystem } from '../../main.ts';
import { withFolder } from '../support/folder.ts';
import { withRoles } from '../support/identities.ts';
import { runNight } from '../support/nights.ts';
import { jetStreamIn, withOwnServer } from '../support/own-server.ts';
import { MODEL } from '../support/replicas.ts';
import { testLogger, withServer } from '../support/server.ts';
import { deploymentOf, releaseOf } from '../support/deployments.ts';
import { EXAMPLES, withSubscriber, writeContext } from '../support/subscribers.ts';
import { tinyNightIn } from '../support/tiny-night.ts';
import { GO_SUBSCRIBER, goTest, natsPython, natsPyTest } from '../support/tools.ts';
import { until } from '../support/wait.ts';

type Program = readonly [string, ...string[]];
const typescript: Program = [process.execPath, '--import', 'tsx', join(EXAMPLES, 'subscribers/model-deployed.ts')];
const python: Program = [natsPython, join(EXAMPLES, 'subscribers/model_deployed.py')];

const log = testLogger();
const DIGEST = `sha256:${'0'.repeat(64)}`;
const deployed = (release: number, model = MODEL): ModelDeployed => ({
  ...{ runId: `n${release}`, model, release, modelDigest: DIGEST, galleryDigest: DIGEST },
  ...{ previousRelease: null, replicas: 1, swapUsMax: 1, origin: { release, runId: `n${release}` } },
});
/** The answer to `status` about a model of which this release serves. */
const served = (release: number): ModelStatus => ({
  ...{
    model: MODEL,
    noun: { one: 'person', many: 'people' },
    replicas: [],
    activeRun: null,
    outboxAgeMs: 0,
    alarms: [],
  },
  deployment: deploymentOf({ current: releaseOf(`n${release}`, release) }),
});
const line = (release: number) => ({ model: MODEL, release, runId: `n${release}` });

/** With the rights of a viewer: a release of tonight, and one that serves already when the program comes. */
const asViewer = (program: Program) => () =>
  withFolder(async (folder) => {
    const nats = { port: 0, storeDir: join(folder, 'store') };
    const config = ConfigSchema.parse({ nats, models: { [MODEL]: await tinyNightIn(folder) } });
    const system = await startSystem(config, log);
    const { url } = system.server;
    writeNatsCliContext('viewer', url, config.nats, { XDG_CONFIG_HOME: folder });
    const argv: Program = [...program, 'nightshift-viewer'];
    try {
      await withRoles({ url, storeDir: nats.storeDir }, ['operator'], ({ operator }) =>
        withSubscriber(argv, folder, async (early) => {
          assert.is((await runNight(operator.bus, 'n1')).fact, 'completed');
          assert.equal(await early.says(1), [line(1)]);
        }),
      );
      await withSubscriber(argv, folder, async (late) => assert.equal(await late.says(1), [line(1)]));
    } finally {
      await system.stop();
    }
  });

/** An id that was heard comes again, whatever stands in it; then a release that is older than what serves, then the next. */
const twice = (program: Program) => () =>
  withFolder((folder) =>
    withServer(async ({ url, connect }) => {
      writeContext(folder, 'news', { url });
      const nc = await connect();
      const bus = await createBus({ nc, source: 'test', log, now: () => new Date(), newId: () => 'unused' });
      let asked = 0;
      const status = async () => {
        asked += 1;
        return { models: [], lacking: [] };
      };
      const api = await serveApi(nc, { [API.status]: status }, log);
      await withSubscriber([...program, 'news'], folder, async (subscriber) => {
        await until(() => asked > 0, 'the subscriber listens, and asks what serves');
        const subject = modelDeployedSubject(MODEL);
        const copies: (() => void)[] = [];
        const copy = nc.subscribe(subject, {
          max: 1,
          callback: (_, { data, headers }) => {
            const other = Buffer.from(data).toString().replace('"release":2', '"release":9');
            copies.push(() => nc.publish(subject, other, { headers: headers! }));
          },
        });
        await nc.flush();
        await bus.publish(subject, deployed(2), { id: 'n2.deployed' });
        await until(() => copies.length > 0, 'the event');
        copy.unsubscribe();
        copies[0]!();
        await bus.publish(subject, deployed(1), { id: 'n1.deployed' });
        await bus.publish(modelRolledBackSubject(MODEL), deployed(3), { id: 'n3.rolled-back' });
        assert.equal(await subscriber.says(2), [line(2), line(3)]);
      });
      await api.stop();
    }),
  );

/** Without an orchestrator it says so in a line, hears events, and asks until one is there. */
const alone = (program: Program) => () =>
  withFolder((folder) =>
    withServer(async ({ url, connect }) => {
      writeContext(folder, 'news', { url });
      const nc = await connect();
      await withSubscriber([...program, 'news'], folder, async (subscriber) => {
        await until(() => subscriber.errors().includes('\n'), 'a line');
        const told =
          /^nobody answers nightshift\.api\.status \(.*\); does an orchestrator run\? Asking again in 5 s\n$/;
        assert.match(subscriber.errors(), told);
        const status = async () => ({ models: [served(4)], lacking: [] });
        const api = await serveApi(nc, { [API.status]: status }, log);
        assert.equal(await subscriber.says(1), [line(4)]);
        await api.stop();
      });
    }),
  );

/** One line with a way out, and no stack. */
const unready = (program: Program, wanted: RegExp, context: object | null) => () =>
  withFolder(async (folder) => {
    if (context) writeContext(folder, 'news', context);
    await withSubscriber([...program, 'news'], folder, async (subscriber) => {
      assert.is(await subscriber.ended(), 1);
      assert.match(subscriber.errors(), wanted);
    });
  });
const NO_CONTEXT = /^.*there is no context .*news\.json; `nightshift auth context viewer` writes nightshift-viewer\n$/;

test(
  'subscriber in TypeScript: as a viewer it hears of a release, and asks for it if it comes late',
  asViewer(typescript),
);
test('subscriber in TypeScript: an event that is heard twice is acted on once', twice(typescript));
test('subscriber in TypeScript: it says in a line that nobody answers, and asks again', alone(typescript));
test('subscriber in TypeScript: without a context it ends with a line', unready(typescript, NO_CONTEXT, null));
test(
  'subscriber in TypeScript: without a server it ends with a line',
  unready(typescript, /^.*no connection to nats:\/\/127\.0\.0\.1:1 of .*does nats-server run there\?\n$/, {
    url: 'nats://127.0.0.1:1',
  }),
);
natsPyTest(
  'subscriber in Python: as a viewer it hears of a release, and asks for it if it comes late',
  asViewer(python),
);
natsPyTest('subscriber in Python: an event that is heard twice is acted on once', twice(python));
natsPyTest('subscriber in Python: it says in a line that nobody answers, and asks again', alone(python));
natsPyTest('subscriber in Python: without a context it ends with a line', unready(python, NO_CONTEXT, null));

const DURABLE = 'register';
const STREAM = wireStream(NAMESPACE_DEFAULT, STREAMS.events);

/** The rights of examples/subscribers/README.md. */
const OF_CONSUMER = ['$JS.API.CONSUMER.INFO', '$JS.API.CONSUMER.MSG.NEXT', '$JS.ACK'].map(
  (it) => `${it}.${STREAM}.${DURABLE}`,
);
const PUBLISH = OF_CONSUMER.map((it) => (it.startsWith('$JS.ACK') ? `${it}.>` : it));
const RIGHTS = `permissions: { publish: ${JSON.stringify(PUBLISH)}, subscribe: ["_INBOX_${DURABLE}.>"] }`;

goTest('subscriber in Go: it is told what it missed, once each, also if an acknowledgement was lost', () =>
  withFolder(async (folder) => {
    const program = join(folder, 'subscriber');
    const build = spawn('go', ['build', '-o', program, '.'], { cwd: GO_SUBSCRIBER, stdio: 'inherit' });
    assert.equal(await once(build, 'close'), [0, null]);
    const pair = nkeys.createUser();
    writeFileSync(join(folder, 'news.nk'), pair.getSeed());
    const news = `{ nkey: ${pair.getPublicKey()}, ${RIGHTS} }`;
    const settings = `${jetStreamIn(folder)}\nauthorization { users: [{ user: admin, password: x }, ${news}] }`;
    await withOwnServer(folder, settings, async ({ address }) => {
      const url = `nats://${address}`;
      const context = { url, nkey: join(folder, 'news.nk'), inbox_prefix: `_INBOX_${DURABLE}` };
      writeContext(folder, 'register', context);
      writeFileSync(join(folder, 'password'), 'x');
      const login = { user: 'admin', password: { file: join(folder, 'password') } };
      const nc = await connectNats({ url, name: 'admin', log, login });
      try {
        await applyTopology(nc, { replicas: 1 });
        // As an administrator makes it, who knows nothing of our names.
        const { consumers } = await jetstreamManager(nc);
        await consumers.add(STREAM, {
          ...{ durable_name: DURABLE, ack_policy: 'explicit', ack_wait: nanos(1_000) },
          filter_subject: 'nightshift.evt.model.*.*',
        });
        const bus = await createBus({ nc, source: 'test', log, now: () => new Date(), newId: () => 'unused' });
        const publish = (release: number) =>
          bus.publish(modelDeployedSubject(MODEL), deployed(release), { id: `n${release}.deployed` });
        await publish(1);
        await publish(2);
        const handled = join(folder, 'handled.txt');
        // The effect of this one was there, and its acknowledgement was lost.
        writeFileSync(handled, 'n1.deployed\n');
        const argv: Program = [program, 'register', DURABLE, handled];
        const acknowledged = async () => (await consumers.info(STREAM, DURABLE)).ack_floor.stream_seq;
        await withSubscriber(argv, folder, async (subscriber) => {
          assert.equal(await subscriber.says(1), [line(2)]);
          await until(async () => (await acknowledged()) >= 2, 'both are acknowledged');
        });
        await publish(3);
        await withSubscriber(argv, folder, async (subscriber) => assert.equal(await subscriber.says(1), [line(3)]));
      } finally {
        await nc.close();
      }
    });
  }),
);

test.run();
