/**
 * The table of permissions against what the roles really say, by the protocol as the server sees it: all that happens in
 * two nights, a rollback, enrolments, a schedule, steering and dead letters lies in the table, and nothing is in the table
 * that nobody needs.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { NatsConnection } from 'nats';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Client } from '../../cli/client.ts';
import { rollBack } from '../../cli/commands/operate.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { CompletedSchemas } from '../../contracts/messages.ts';
import { ACTORS, ROLES, serviceOf, type Role } from '../../contracts/roles.ts';
import {
  API,
  apiOfCommand,
  APPROVAL_VERBS,
  commandSubject,
  CTL,
  inferSubject,
  PEOPLE_VERBS,
  pipelineEventSubject,
  STREAMS,
  WORK_STAGES,
  workEventSubject,
} from '../../contracts/subjects.ts';
import { covers, PERMISSIONS } from '../../infra/access/permissions.ts';
import { examineConsumers } from '../../infra/health/consumers.ts';
import { consumerFigures, storeFigures } from '../../infra/health/figures.ts';
import { examineStreams } from '../../infra/health/streams.ts';
import { sendCommand } from '../../infra/messaging/send-command.ts';
import { openForgotten } from '../../infra/stores/forgotten-store.ts';
import { personHash } from '../../services/forgetting/name.ts';
import { order } from '../../cli/commands/forget.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { namespaceOf } from '../../infra/messaging/wire.ts';
import { wireService } from '../../infra/topology/namespace.ts';
import { writeTinyPeople } from '../support/folder.ts';
import { withRoles } from '../support/identities.ts';
import { LENIENT_GATES, lenientIn } from '../support/lenient.ts';
import { runNight } from '../support/nights.ts';
import { ask, faceOf, MODEL } from '../support/replicas.ts';
import { TINY_IMAGE } from '../support/tiny-model.ts';
import { traceOf, type Operation, type Traced } from '../support/traced.ts';
import { until } from '../support/wait.ts';

async function modelsIn(folder: string): Promise<object> {
  await writeTinyPeople(join(folder, 'people'), 5, 6);
  const pipeline = {
    sources: [{ type: 'directory', name: 'people', path: join(folder, 'people') }],
    ...(await lenientIn(folder)),
    image: TINY_IMAGE,
    split: { strategy: 'first-n', train: 4 },
    training: { epochs: 2 },
    verification: { gates: LENIENT_GATES, performanceRequests: 10 },
    deployment: { guardMs: 0, guardLatencyP99MsMax: 10_000 },
    schedule: { cron: '0 3 * * *' },
  };
  return { [MODEL]: pipeline, [ENDLESS]: { ...pipeline, training: { epochs: 10_000 } } };
}

/** Trains until it is told to stop. */
const ENDLESS = 'endless';

/** Everything that anybody does with a running system, each once. */
async function everyDay(started: Traced): Promise<void> {
  await withRoles(started, ['operator', 'viewer', 'door', 'enroller', 'orchestrator', 'gateway'], async (as) => {
    const { bus } = as.operator;
    const first = await runNight(bus, 'n1');
    assert.is(first.fact, 'completed', first.failure?.message);
    await recognise(as.door.nc, as.enroller.nc);
    await writeTinyPeople(join(started.folder, 'people'), 6, 6);
    assert.is((await runNight(bus, 'n2')).fact, 'completed');
    await rollBack(bus, MODEL, 'test');
    await cancelOne(as.operator);
    await deadLetters(as.orchestrator.nc, as.operator);
    await approveOne(as.operator);
    await forgetOne(as.operator);
    await commandAll(as.operator);
    await lookAround(as.operator, as.viewer);
    await scrape(as.gateway.nc);
    // The report, as `nightshift report` fetches it.
    const { report } = CompletedSchemas.verify.parse(first.results.verify);
    await createBlobStore(as.operator.nc).get(report!);
  });
}

async function recognise(door: NatsConnection, enroller: NatsConnection): Promise<void> {
  const [image, other] = [await faceOf(0), await faceOf(1)];
  for (const verb of ['identify', 'verify'] as const) {
    assert.is((await ask(door, verb, image, { person: 'p0' })).status, 200);
    assert.is((await ask(enroller, verb, image, { person: 'p0' })).status, 200);
  }
  assert.is((await ask(enroller, 'embed', image)).status, 200);
  for (const face of [image, other]) assert.is((await ask(enroller, 'enroll', face, { person: 'Ann' })).status, 200);
  for (const verb of PEOPLE_VERBS) await enroller.request(inferSubject(MODEL, verb), '', { timeout: 10_000 });
  assert.is((await ask(enroller, 'remove', new Uint8Array(0), { person: 'Ann' })).status, 200);
}

/** Nothing waits, and a request that is not there can be neither approved nor rejected. */
async function approveOne({ nc }: Client): Promise<void> {
  for (const verb of [...APPROVAL_VERBS, ...PEOPLE_VERBS])
    await nc.request(inferSubject(MODEL, verb), '', { timeout: 10_000 });
}

async function cancelOne({ bus }: Client): Promise<void> {
  const trains = hears(bus, workEventSubject('train', 'progressed', 'n3'));
  const ended = hears(bus, pipelineEventSubject('cancelled', 'n3'));
  await command({ bus }, CTL.pipelineStart, { model: ENDLESS, runId: 'n3' });
  await until(trains, 'the training');
  await command({ bus }, CTL.pipelineCancel, { runId: 'n3' });
  await until(ended, 'the end of the run');
}

const command = ({ bus }: Pick<Client, 'bus'>, subject: (typeof CTL)[keyof typeof CTL], data: object) =>
  sendCommand(bus, { subject, data, id: randomUUID(), silence: `${subject} is not answered` });

function hears(bus: Client['bus'], subject: string): () => boolean {
  let isHeard = false;
  bus.listen(subject, () => (isHeard = true));
  return () => isHeard;
}

/** Commands that no worker can read, and a command of an operator that is no JSON; one letter is sent again. */
async function deadLetters(orchestrator: NatsConnection, operator: Client): Promise<void> {
  for (const stage of WORK_STAGES) {
    for (const verb of ['start', 'cancel'] as const) orchestrator.publish(commandSubject(stage, verb, 'x'), 'no JSON');
  }
  // A command of an operator is refused, which is no letter.
  operator.nc.publish(CTL.pipelineStart, 'no JSON');
  const letters = WORK_STAGES.length * 2;
  const list = () => operator.ask(API.deadLetters, { limit: 100 });
  await until(async () => (await list()).total === letters, 'the dead letters');
  const [letter] = (await list()).letters;
  await operator.ask(API.deadLetter, { seq: letter!.seq });
  await command(operator, CTL.dlqRedrive, { seq: letter!.seq });
  // It comes back as another.
  await until(async () => (await list()).letters[0]!.seq > letters, 'the letter that was sent again');
}

/** By its stream and by request. Most are refused, which is an answer like any other. */
async function commandAll({ bus, nc }: Client): Promise<void> {
  const data = { model: MODEL, runId: 'n1', seq: 99, from: 'verify', newRunId: 'n4', by: 'test', reason: 'test' };
  for (const subject of Object.values(CTL)) {
    if (subject === CTL.pipelineStart) continue;
    await command({ bus }, subject, data).catch(answered);
    await nc.request(apiOfCommand(subject), JSON.stringify(data), { timeout: 10_000 });
  }
  await nc.request(apiOfCommand(CTL.pipelineStart), '{}', { timeout: 10_000 });
}

function answered(error: unknown): void {
  if (!(error instanceof PipelineError) || error.code === 'DEADLINE_EXCEEDED') throw error;
}

/** As the gateway's own timers and its routes look; the actor itself is among those that were started. */
async function scrape(gateway: NatsConnection): Promise<void> {
  await storeFigures(gateway);
  await consumerFigures(gateway);
  for (const subject of Object.values(API)) await gateway.request(subject, '{}', { timeout: 10_000 });
}

async function lookAround(operator: Client, viewer: Client): Promise<void> {
  // As `nightshift doctor` looks.
  await examineStreams(operator.nc, 1, Date.now());
  await examineConsumers(operator.nc);
  for (const { nc } of [operator, viewer]) {
    for (const subject of Object.values(API)) await nc.request(subject, '{}', { timeout: 10_000 });
    await nc.request('$SRV.PING', '', { timeout: 10_000 });
    for (const actor of ACTORS) {
      const service = wireService(namespaceOf(nc), serviceOf(actor));
      const { id } = (await nc.request(`$SRV.PING.${service}`, '', { timeout: 10_000 })).json<{
        readonly id: string;
      }>();
      await nc.request(`$SRV.PING.${service}.${id}`, '', { timeout: 10_000 });
    }
  }
  viewer.nc.subscribe('nightshift.evt.>', { max: 1 });
  await viewer.nc.flush();
  await operator.bus.lastOn(STREAMS.events, workEventSubject('train', 'completed', 'n1'));
}

async function forgetOne(operator: Client): Promise<void> {
  const salt = await (await openForgotten(operator.nc)).salt();
  const report = await order(operator, { person: personHash('p5', salt!), mode: 'forget' });
  assert.ok(report.found, JSON.stringify(report.remarks));
  await order(operator, { person: personHash('p5', salt!), mode: 'readmit' });
}

/** Rights that this day does not need, each with the day that does. */
const UNUSED: readonly { readonly of: readonly Role[]; readonly rights: RegExp; readonly why: string }[] = [
  { of: ['setup'], rights: /STREAM\.UPDATE\./, why: 'changes a stream that an older version made' },
  {
    of: ['orchestrator', 'inference', 'collector', 'janitor'],
    rights: /^\$JS\.FC\.|CONSUMER\.(DELETE|INFO)\.(KV_\w+|ENROLMENTS)\.\*$/,
    why: 'a reader that lost its place is opened anew; a long history is slowed down',
  },
  {
    of: ['orchestrator'],
    rights: /CONSUMER\.CREATE\.KV_DEPLOYMENTS|DIRECT\.GET\.OBJ_MODELS$/,
    why: 'no release is signed here: test/security/attack-02-forged-release.test.ts',
  },
  {
    of: ['inference'],
    rights: /^nightshift\.pending\.|MSG\.DELETE\.PENDING$/,
    why: 'no change waits for a second person: test/e2e/cli-who.test.ts',
  },
  {
    of: ['janitor'],
    rights:
      /MSG\.DELETE\.|PURGE\.OBJ_|\$KV\.RUNS\.|^nightshift\.(dlq|ctl)\.|janitor\.failed|pipeline\.completed|STREAM\.INFO\./,
    why: 'a person is in no message, nobody is away for long, and nothing fails: test/actors/janitor, test/e2e/forget',
  },
  {
    of: ['collector', 'trainer', 'verifier'],
    rights: /^\$JS\.(API\.CONSUMER\.(CREATE|INFO|DELETE)|FC)\.KV_CONFIG\./,
    why: 'a worker compares its file with the configuration on a server of somebody else alone: test/e2e/stray-start.test.ts',
  },
  {
    of: ['door', 'enroller'],
    rights: /^nightshift\.infer\..*\.at\.\*$/,
    why: 'one replica is asked by its name where another was slow or full: test/client',
  },
  {
    of: ['operator'],
    rights: /DIRECT\.GET\.OBJ_REPORTS\.|CONSUMER\.(CREATE|INFO|DELETE)\.OBJ_REPORTS\.|FC\.OBJ_REPORTS\./,
    why: '`nats object get` fetches a report: test/e2e/three-ways-nats.test.ts',
  },
  { of: ['collector'], rights: /^\$O\.MODELS\./, why: 'the detector of faces: test/e2e/faces-night.test.ts' },
  {
    of: ['collector', 'trainer', 'verifier'],
    rights: /STREAM\.INFO\.COMMANDS$|PURGE\.OBJ_|DIRECT\.GET\.OBJ_REPORTS$/,
    why: 'work that comes a second time: is it still wanted, what is stored of it, and its objects are replaced',
  },
];

const said = await traceOf(modelsIn, everyDay);

for (const role of ROLES) {
  const { publish, subscribe, answersMs } = PERMISSIONS[role];
  const isAnswer = (subject: string) => answersMs !== null && subject.startsWith('_INBOX_');
  const outside = [
    ...[...said[role].publish].filter((it) => !isAnswer(it) && !publish.some((pattern) => covers(pattern, it))),
    ...[...said[role].subscribe].filter((it) => !subscribe.some((pattern) => covers(pattern, it))),
  ];
  test(`trace: all that ${role} says lies in the table`, () => assert.equal(outside, []));

  test(`trace: ${role} needs all that the table gives it`, () => {
    const isUsed = (operation: Operation, pattern: string) =>
      [...said[role][operation]].some((it) => covers(pattern, it));
    const isExcused = (pattern: string) => UNUSED.some(({ of, rights }) => of.includes(role) && rights.test(pattern));
    const unused = (['publish', 'subscribe'] as const).flatMap((operation) =>
      PERMISSIONS[role][operation].filter((it) => !isUsed(operation, it) && !isExcused(it)),
    );
    assert.equal(unused, []);
  });
}

test.run();
