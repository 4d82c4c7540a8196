/**
 * Staging and production on one server, with one model name, run ids in common and an identity for each role of each: both
 * at work at the same time, and each under the other's commands. Nothing crosses.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nkeys } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connectClient, type Client } from '../../cli/client.ts';
import { rollBack } from '../../cli/commands/operate.ts';
import { ROLES, type Role } from '../../contracts/roles.ts';
import { CTL, inferSubject, pipelineEventSubject, STREAMS, workEventSubject } from '../../contracts/subjects.ts';
import { loginOf } from '../../infra/access/login-of.ts';
import { covers, PERMISSIONS, wirePermissions } from '../../infra/access/permissions.ts';
import { authorizationOf } from '../../infra/access/server-users.ts';
import { ConfigSchema, type Config } from '../../infra/config/config.ts';
import { managerOf, wireManagerOf } from '../../infra/messaging/jetstream.ts';
import { wireSubject } from '../../infra/topology/namespace.ts';
import { applyTopology } from '../../infra/topology/topology.ts';
import { startSystem } from '../../main.ts';
import { configureAsIn } from '../support/configured.ts';
import { withFolder, writeTinyPeople } from '../support/folder.ts';
import { LENIENT_GATES, lenientIn } from '../support/lenient.ts';
import { runNight } from '../support/nights.ts';
import { jetStreamIn, withOwnServer } from '../support/own-server.ts';
import { ask, faceOf, MODEL } from '../support/replicas.ts';
import { testLogger } from '../support/server.ts';
import { TINY_IMAGE } from '../support/tiny-model.ts';
import { until } from '../support/wait.ts';

const NAMESPACES = ['staging', 'production'] as const;
type Namespace = (typeof NAMESPACES)[number];
const CLIENTS = ['setup', 'operator', 'enroller'] as const;
interface Installation {
  readonly config: Config;
  readonly as: Readonly<Record<(typeof CLIENTS)[number], Client>>;
}
type Both = Readonly<Record<Namespace, Installation>>;

/** Rights that belong to a server as a whole. */
const WHOLE = /^\$JS\.API\.(INFO|STREAM\.LIST)$|^\$SRV\.\*$/;

test('namespaces: no right of one covers a name of the other', () => {
  const rightsOf = (namespace: string, role: Role) => wirePermissions(namespace, PERMISSIONS[role]);
  for (const [mine, theirs] of [NAMESPACES, [...NAMESPACES].reverse()] as const) {
    for (const operation of ['publish', 'subscribe'] as const) {
      const [held, wanted] = [mine!, theirs!].map((it) => ROLES.flatMap((role) => rightsOf(it, role)[operation]));
      const crossing = wanted!.filter((it) => !WHOLE.test(it) && held!.some((pattern) => covers(pattern, it)));
      assert.equal(crossing, []);
    }
  }
});

test('namespaces: staging and production on one server, both at work, under attack of each other', () =>
  withBoth(async (both) => {
    const { staging, production } = both;
    // The same run in both; staging's is cancelled, and nobody in production hears of it.
    const trains = hears(staging.as.operator, workEventSubject('train', 'progressed', 'n1'));
    const nights = [runNight(staging.as.operator.bus, 'n1'), runNight(production.as.operator.bus, 'n1')] as const;
    await until(trains, 'the training in staging', 60_000);
    await staging.as.operator.bus.publish(CTL.pipelineCancel, { runId: 'n1' });
    const refusals = await attack(staging, 'production');
    assert.equal([...new Set(refusals)], ['refused']);
    const [cancelled, completed] = await Promise.all(nights);
    assert.equal([cancelled.fact, completed.fact], ['cancelled', 'completed'], completed.failure?.message);

    // Requests are answered by the namespace that was asked: staging has nothing in service yet.
    const face = await faceOf(0);
    assert.is((await ask(production.as.enroller.nc, 'identify', face)).status, 200);
    assert.is.not((await ask(staging.as.enroller.nc, 'identify', face)).status, 200);

    // The next night of staging, with a person whom production does not know, and a way back that production does not go.
    for (const night of ['n2', 'n3']) {
      await writeTinyPeople(join(staging.config.file!, 'people'), night === 'n2' ? 6 : 7, 6);
      assert.is((await runNight(staging.as.operator.bus, night)).fact, 'completed');
    }
    assert.is((await ask(staging.as.enroller.nc, 'enroll', await faceOf(1), { person: 'Ann' })).status, 200);
    await rollBack(staging.as.operator.bus, MODEL, 'test');
    const releases = await Promise.all(
      NAMESPACES.map(async (it) => (await ask(both[it].as.enroller.nc, 'identify', face)).body['release']),
    );
    assert.equal(releases, [3, 1]);
    assert.equal(await stored(both, STREAMS.enrolments), [1, 0]);
    // No command of staging's came to production, not even one that it would not obey.
    assert.equal(await stored(both, STREAMS.refused), [0, 0]);
    await holdsOnlyOwn(both);
  }));

/** What an operator of one may do at home, at the other's door. */
async function attack({ as }: Installation, victim: Namespace): Promise<string[]> {
  const { nc } = as.operator;
  const subjects = [CTL.pipelineCancel, CTL.modelRollback, CTL.schedulePause, CTL.personForget];
  const questions = ['nightshift.api.runs', '$JS.API.STREAM.MSG.GET.EVENTS', '$JS.API.STREAM.PURGE.EVENTS'];
  const all = [...subjects, ...questions, pipelineEventSubject('completed', 'n1'), '$KV.DEPLOYMENTS.face'];
  const tries = all.map((subject) =>
    nc.request(wireSubject(victim, subject), '{"runId":"n1"}', { timeout: 5_000 }).then(
      () => `${subject} was answered`,
      (error: Error) => (/permissions violation/i.test(String(error)) ? 'refused' : `${subject}: ${String(error)}`),
    ),
  );
  // An answer that would be a command of the other is not given.
  const forged = wireSubject(victim, CTL.modelRollback);
  as.enroller.nc.publish(wireSubject('staging', inferSubject(MODEL, 'identify')), '', { reply: forged });
  return Promise.all(tries);
}

const stored = (both: Both, stream: string) =>
  Promise.all(
    NAMESPACES.map(async (it) => {
      const manager = await managerOf(both[it].as.setup.nc);
      return (await manager.streams.info(stream)).state.messages;
    }),
  );

/** Every stream on the server is of one of both, and holds subjects of that one alone. */
async function holdsOnlyOwn(both: Both): Promise<void> {
  const manager = await wireManagerOf(both.staging.as.setup.nc);
  const seen: string[] = [];
  for await (const { config } of manager.streams.list()) {
    const namespace = NAMESPACES.find((it) => new RegExp(`^(KV_|OBJ_)?${it}_`).test(config.name))!;
    seen.push(namespace);
    const own = await (
      await wireManagerOf(both[namespace].as.setup.nc)
    ).streams.info(config.name, {
      subjects_filter: '>',
    });
    const strange = Object.keys(own.state.subjects ?? {}).filter((subject) => !subject.includes(namespace));
    assert.equal(strange, [], config.name);
  }
  assert.equal([...new Set(seen)].sort(), [...NAMESPACES].sort());
}

function hears({ bus }: Client, subject: string): () => boolean {
  let isHeard = false;
  bus.listen(subject, () => (isHeard = true));
  return () => isHeard;
}

const withBoth = (use: (both: Both) => Promise<void>) =>
  withFolder((folder) => {
    const users = NAMESPACES.map((namespace) => usersOf(namespace, join(folder, namespace)));
    const settings = [jetStreamIn(folder), 'authorization {', '  users: [', ...users, '  ]', '}'].join('\n');
    return withOwnServer(folder, settings, async ({ address }) => {
      const stops: (() => Promise<void>)[] = [];
      try {
        const started = await Promise.all(
          NAMESPACES.map((namespace) => start(namespace, join(folder, namespace), `nats://${address}`, stops)),
        );
        await use({ staging: started[0]!, production: started[1]! });
      } finally {
        for (const stop of stops.reverse()) await stop();
      }
    });
  });

/** The users of one namespace as `auth export` prints them, with keys in the folder. */
function usersOf(namespace: Namespace, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const exported = authorizationOf(namespace, (role) => {
    const pair = nkeys.createUser();
    writeFileSync(join(folder, `${role}.nk`), pair.getSeed());
    return pair.getPublicKey();
  });
  return exported.split('\n').slice(2, -3).join('\n');
}

async function start(namespace: Namespace, folder: string, url: string, stops: (() => Promise<void>)[]) {
  await writeTinyPeople(join(folder, 'people'), 5, 6);
  const roles = Object.fromEntries(ROLES.map((role) => [role, { nkey: { file: join(folder, `${role}.nk`) } }]));
  const pipeline = {
    sources: [{ type: 'directory', name: 'people', path: join(folder, 'people') }],
    ...(await lenientIn(folder)),
    image: TINY_IMAGE,
    split: { strategy: 'first-n', train: 4 },
    training: { epochs: namespace === 'staging' ? 20 : 2 },
    verification: { gates: LENIENT_GATES, performanceRequests: 10 },
    deployment: { guardMs: 0, guardLatencyP99MsMax: 10_000 },
  };
  const parsed = ConfigSchema.parse({ nats: { url, namespace, roles }, models: { [MODEL]: pipeline } });
  const config = { ...parsed, file: folder };
  const connect = async (role: Role) => {
    const client = await connectClient(url, testLogger(), loginOf(config.nats, role, url), role);
    stops.push(() => client.close());
    return client;
  };
  const as = {
    setup: await connect('setup'),
    operator: await connect('operator'),
    enroller: await connect('enroller'),
  };
  await applyTopology(as.setup.nc, { replicas: 1 });
  await configureAsIn((await connect('orchestrator')).nc, config);
  const system = await startSystem(config, testLogger());
  stops.push(() => system.stop());
  return { config, as };
}

test.run();
