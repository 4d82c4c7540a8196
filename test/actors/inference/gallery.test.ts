/** People enrolled and removed while serving, through the public subjects, over real replicas. */
import { pino } from 'pino';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FaceSettingsSchema } from '../../../contracts/configuration/faces.ts';
import { EnrollReplySchema, IdentifyReplySchema, RemoveReplySchema } from '../../../contracts/inference.ts';
import { enrolmentsOf, STREAMS } from '../../../contracts/subjects.ts';
import { createEnrolmentLog } from '../../../infra/stores/enrolment-log.ts';
import { announce, commit, rollBack } from '../../../services/deployment/records.ts';
import { withSettings } from '../../../services/data/faces/file.ts';
import { encodePng } from '../../../services/data/images.ts';
import { drawMarked, markDetector } from '../../support/marked-faces.ts';
import { ask, faceOf, MODEL, statusOf, withReplicas, type ReplicaTest } from '../../support/replicas.ts';
import { decisionAt, storeTinyPair, tinySplit } from '../../support/tiny-data.ts';
import { TINY_IMAGE } from '../../support/tiny-model.ts';
import { until } from '../../support/wait.ts';
import { managerOf } from '../../../infra/messaging/jetstream.ts';

/** Galleries are made of the people p0 to p4; these are others, each with as many images as wanted. */
function strangerOf(index: number, seed = 21): Promise<Buffer> {
  const { pixels } = tinySplit(5 + index + 1, 12, seed);
  return encodePng(pixels.slice(-TINY_IMAGE.width * TINY_IMAGE.height), TINY_IMAGE);
}

async function enrol({ nc }: ReplicaTest, person: string, image: Uint8Array) {
  const { status, body, text } = await ask(nc, 'enroll', image, { person });
  assert.is(status, 200, text);
  return EnrollReplySchema.parse(body);
}

/** The person whom a replica recognises, once the change is in force there; NATS decides which replica answers. */
async function recognised({ nc }: ReplicaTest, image: Uint8Array, sequence: number): Promise<unknown> {
  const { status, body, text } = await ask(nc, 'identify', image, { minEnrolment: String(sequence) });
  assert.is(status, 200, text);
  return body.person;
}

test('gallery: an enrolled person is found by every replica, and by none once removed', () =>
  withReplicas(async (context) => {
    for (const replicaId of ['r1', 'r2', 'r3']) await context.start(replicaId);
    await context.deploy({ runId: 'run1' });
    const face = await strangerOf(0);
    const { sequence, images, release } = await enrol(context, 'Ünal "x", 2nd', face);
    assert.equal([images, release], [1, 1]);
    for (let i = 0; i < 30; i++) assert.is(await recognised(context, face, sequence), 'Ünal "x", 2nd');
    const claimed = { person: 'Ünal "x", 2nd', minEnrolment: String(sequence) };
    assert.is((await ask(context.nc, 'verify', face, claimed)).body.match, true);
    const removed = RemoveReplySchema.parse((await ask(context.nc, 'remove', new Uint8Array(0), claimed)).body);
    assert.ok(removed.sequence > sequence);
    for (let i = 0; i < 30; i++) assert.is(await recognised(context, face, removed.sequence), null);
    const gone = { ...claimed, minEnrolment: String(removed.sequence) };
    assert.is((await ask(context.nc, 'verify', face, gone)).status, 404);
    const { state } = await (await managerOf(context.nc)).streams.info(STREAMS.enrolments);
    assert.is(state.messages, 1, 'only the removal itself is still stored');
  }));

test('gallery: a person enrolled between announce and commit is in both releases, also after a rollback', () =>
  withReplicas(async (context) => {
    const replicas = [await context.start('r1'), await context.start('r2')];
    await context.deploy({ runId: 'run1', seed: 1 });
    const { sequence: before } = await enrol(context, 'before', await strangerOf(0));
    const pair = await storeTinyPair(context.blobs, { runId: 'run2', seed: 2 });
    await context.change((record) => announce(record, pair, 'run2', MODEL));
    // Some of these come while the candidate loads, some after.
    const loading = await enrol(context, 'loading', await strangerOf(1));
    for (const id of ['r1', 'r2'])
      await until(async () => (await statusOf(context, id))?.prepared?.runId === 'run2', `${id} is prepared`);
    const prepared = await enrol(context, 'prepared', await strangerOf(2));
    await ask(context.nc, 'remove', new Uint8Array(0), { person: 'p3' });
    assert.ok(before < loading.sequence && loading.sequence < prepared.sequence);
    const holds = async (release: number) => {
      await until(() => replicas.every((replica) => replica.status().release === release), `release ${release}`);
      const sequence = prepared.sequence + 1; // The removal came next.
      for (const [person, index] of Object.entries({ before: 0, loading: 1, prepared: 2 }))
        for (let i = 0; i < 6; i++) assert.is(await recognised(context, await strangerOf(index), sequence), person);
      for (let i = 0; i < 6; i++) assert.is(await recognised(context, await faceOf(3), sequence), null);
    };
    await context.change((record) => commit(record!, 'run2', new Date()));
    await holds(2);
    await context.change((record) => rollBack(record!, 'run2', new Date()));
    await holds(3);
  }));

test('gallery: the threshold follows the number of people, in replies and heartbeat', () =>
  withReplicas(async (context) => {
    const replica = await context.start('r1');
    const table = { people: [4, 5, 6, 7], thresholds: [0.84, 0.85, 0.86, 0.87] };
    const decision = { ...decisionAt(0.5), identify: { fpir: 0.01, margin: 0, ...table } };
    await context.deploy({ runId: 'run1', decision });
    const now = async (sequence: number) => {
      const asked = await ask(context.nc, 'identify', await faceOf(1), { minEnrolment: String(sequence) });
      const { threshold, decision } = IdentifyReplySchema.parse(asked.body);
      assert.equal(replica.status().decision, decision);
      assert.is(threshold, decision.identify.threshold);
      return [decision.people, threshold];
    };
    assert.equal(await now(0), [5, 0.85]);
    const first = await enrol(context, 'new', await strangerOf(0));
    assert.equal(await now(first.sequence), [6, 0.86]);
    const second = await enrol(context, 'new', await strangerOf(0, 22));
    assert.equal(await now(second.sequence), [6, 0.86], 'a second image is no second person');
    await enrol(context, 'p3', await faceOf(8));
    const left = { new: [5, 0.85], p3: [4, 0.84], p4: [3, 0.84] };
    for (const [person, expected] of Object.entries(left)) {
      const { body } = await ask(context.nc, 'remove', new Uint8Array(0), { person });
      assert.equal(await now(RemoveReplySchema.parse(body).sequence), expected);
    }
    await until(async () => (await statusOf(context, 'r1'))?.decision?.people === 3, 'the heartbeat says so');
  }));

test('gallery: a blank picture that was enrolled before such were refused is left out, and the log says so', () =>
  withReplicas(async (context) => {
    const warned: unknown[] = [];
    const log = pino({ level: 'error' }, { write: (line: string) => void warned.push(JSON.parse(line)) });
    const black = await encodePng(new Uint8Array(TINY_IMAGE.width * TINY_IMAGE.height), TINY_IMAGE);
    const stored = await (
      await createEnrolmentLog(context.nc, MODEL, context.test.log)
    ).append({ person: 'nobody there', image: black, by: 'enroller' }, 0);
    const replica = await context.start('r1', { log });
    await context.deploy({ runId: 'run1' });
    const reply = await ask(context.nc, 'identify', await faceOf(1), { minEnrolment: String(stored) });
    assert.equal([reply.body.person, replica.status().decision?.people], ['p1', 5]);
    const [line] = warned as [{ msg: string; person: string; err: { message: string } }];
    assert.match(line.msg, /an enrolled image cannot be used; it is left out/);
    assert.is(line.person, 'nobody there');
    assert.match(line.err.message, /enrolment 1: one even area/);
  }));

test('gallery: a later release whose gallery has a removed person again does not bring them back, until enrolled again', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    await context.deploy({ runId: 'run1', seed: 1 });
    assert.is((await ask(context.nc, 'identify', await faceOf(3))).body.person, 'p3');
    assert.is((await ask(context.nc, 'remove', new Uint8Array(0), { person: 'p3' })).status, 200);
    await context.deploy({ runId: 'run2', seed: 2 });
    assert.is((await ask(context.nc, 'identify', await faceOf(3))).body.person, null);
    const again = await enrol(context, 'p3', await faceOf(8));
    assert.equal([again.images, again.release], [1, 2]);
    assert.is(await recognised(context, await faceOf(8), again.sequence), 'p3');
    await context.deploy({ runId: 'run3', seed: 3 });
    assert.is(await recognised(context, await faceOf(8), again.sequence), 'p3');
  }));

test('gallery: it is the same after every replica has been started anew', () =>
  withReplicas(async (context) => {
    const first = await context.start('r1');
    await context.deploy({ runId: 'run1' });
    const { sequence } = await enrol(context, 'kept', await strangerOf(0));
    await ask(context.nc, 'remove', new Uint8Array(0), { person: 'p1' });
    await first.stop();
    const second = await context.start('r2');
    await until(() => second.status().release === 1, 'it serves');
    assert.is(await recognised(context, await strangerOf(0), sequence + 1), 'kept');
    assert.is(await recognised(context, await faceOf(1), sequence + 1), null);
    assert.is((await ask(context.nc, 'verify', await faceOf(1), { person: 'p1' })).status, 404);
  }));

test('gallery: the same image twice is one, several at once are all there, and too many are refused', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    await context.start('r2');
    await context.deploy({ runId: 'run1' });
    const once = await enrol(context, 'ada', await strangerOf(0, 100));
    const twice = await enrol(context, 'ada', await strangerOf(0, 100));
    assert.equal([twice.images, twice.sequence], [1, once.sequence]);
    const images = await Promise.all(Array.from({ length: 31 }, (_, i) => strangerOf(0, 101 + i)));
    const replies = await Promise.all(images.map((image) => enrol(context, 'ada', image)));
    assert.is(Math.max(...replies.map((reply) => reply.images)), 32);
    assert.is(new Set(replies.map(({ sequence }) => sequence)).size, 31);
    const { status, text } = await ask(context.nc, 'enroll', await strangerOf(0, 200), { person: 'ada' });
    assert.is(status, 409);
    assert.match(text, /^GALLERY_FULL: enroll request: "ada" has 32 enrolled images, at most 32 are kept/);
  }));

test('gallery: a change that cannot be made is refused, and nothing is stored', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    const face = await strangerOf(0);
    assert.is((await ask(context.nc, 'enroll', face, { person: 'ada' })).status, 503, 'before the first release');
    await context.deploy({ runId: 'run1' });
    const mistakes = [
      await ask(context.nc, 'enroll', Buffer.from('not an image'), { person: 'ada' }),
      await ask(context.nc, 'enroll', face.subarray(0, face.length - 40), { person: 'ada' }),
      await ask(context.nc, 'enroll', face),
      await ask(context.nc, 'enroll', face, { person: 'x'.repeat(129) }),
      await ask(context.nc, 'remove', face, { person: 'nobody' }),
      await ask(context.nc, 'remove', face),
      await ask(context.nc, 'identify', face, { minEnrolment: 'last' }),
      await ask(context.nc, 'identify', face, { minEnrolment: '9', deadlineMs: '50' }),
    ];
    assert.equal(
      mistakes.map(({ status }) => status),
      [400, 400, 400, 400, 404, 400, 400, 503],
    );
    assert.match(mistakes[2]!.text, /header Nightshift-Person/);
    assert.match(mistakes[7]!.text, /^NOT_READY: change 9 of the gallery is not in force here yet/);
    const manager = await managerOf(context.nc);
    const { state } = await manager.streams.info(STREAMS.enrolments, { subjects_filter: enrolmentsOf(MODEL) });
    assert.is(state.messages, 0);
  }));

test('gallery: with a detector the face is enrolled and found in another photograph, no face is refused, and a rollback takes pictures whole', () =>
  withReplicas(async (context) => {
    const replica = await context.start('r1');
    const file = withSettings(markDetector(), FaceSettingsSchema.parse({}), 'marks');
    const faces = await context.blobs.put('MODELS', 'faces/marks.onnx', file);
    await context.deploy({ runId: 'run1' });
    // The same model and gallery: only the detector tells the two apart.
    const { current, previous } = await context.deploy({ runId: 'run2', faces });
    assert.equal([current!.faces, current!.model.digest], [faces, previous!.model.digest]);
    assert.is(current!.gallery.digest, previous!.gallery.digest);
    const size = { width: 200, height: 150 };
    const photograph = (x: number) => drawMarked(size, [{ x, y: 60, apart: 40 }]);
    await enrol(context, 'ada', await photograph(70));
    const elsewhere = await ask(context.nc, 'identify', await photograph(130));
    assert.is((elsewhere.body.matches as { person: string }[])[0]?.person, 'ada');
    const two = await drawMarked({ width: 400, height: 240 }, [
      { x: 100, y: 100, apart: 32 },
      { x: 300, y: 100, apart: 32 },
    ]);
    const refused = await ask(context.nc, 'enroll', two, { person: 'ben' });
    assert.equal([refused.status, (refused.body.error as { code: string }).code], [400, 'FACES_SEVERAL']);
    const nobody = await ask(context.nc, 'identify', await faceOf(0));
    assert.is((nobody.body.error as { code: string }).code, 'FACE_NOT_FOUND');
    await context.change((record) => rollBack(record!, 'run2', new Date()));
    await until(() => replica.status().release === 3, 'it is rolled back');
    assert.is((await ask(context.nc, 'identify', await faceOf(0))).body.person, 'p0');
  }));

test.run();
