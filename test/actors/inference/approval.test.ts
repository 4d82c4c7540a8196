/** Changes of a gallery that need a second person: who asked, who may approve, and what a server without logins proves. */
import { headers, type NatsConnection } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  EnrollReplySchema,
  INFER_HEADERS,
  PendingChangeSchema,
  PendingListSchema,
  RejectedChangeSchema,
  RemoveReplySchema,
} from '../../../contracts/inference.ts';
import { galleryAs, inferSubject, STREAMS, type ApprovalVerb, type GalleryVerb } from '../../../contracts/subjects.ts';
import { createAuditStore } from '../../../infra/stores/audit-store.ts';
import { keyOf } from '../../../infra/stores/enrolment-log.ts';
import { ROLE, withPeopleServer } from '../../support/people-server.ts';
import { ask, faceOf, MODEL, withReplicas, withReplicasOn } from '../../support/replicas.ts';
import { managerOf } from '../../../infra/messaging/jetstream.ts';

interface Asked {
  readonly person?: string;
  readonly request?: string;
  readonly minEnrolment?: number;
  readonly image?: Uint8Array;
}

/** As a named person, or as the role. Answers the body, or the text of the error. */
async function askAs(nc: NatsConnection, verb: GalleryVerb | ApprovalVerb, who: string | null, asked: Asked = {}) {
  const meta = headers();
  if (asked.person) meta.set(INFER_HEADERS.person, asked.person);
  if (asked.request) meta.set(INFER_HEADERS.request, asked.request);
  if (asked.minEnrolment) meta.set(INFER_HEADERS.minEnrolment, String(asked.minEnrolment));
  const subject = who === null ? inferSubject(MODEL, verb) : galleryAs(MODEL, verb, who);
  const reply = await nc.request(subject, asked.image ?? new Uint8Array(0), { timeout: 15_000, headers: meta });
  return { error: reply.headers?.get(INFER_HEADERS.errorText) ?? '', body: reply.json<unknown>() };
}

const ADA = 'Ada Byron';

test('approval: an enrolment waits until another person approves it, and says of both who they were', () =>
  withPeopleServer((server) =>
    withReplicasOn(server, async (context) => {
      for (const replicaId of ['r1', 'r2']) await context.start(replicaId, { approval: 'second' });
      await context.deploy({ runId: 'run1' });
      const [alice, bob] = [await server.as('alice'), await server.as('bob')];
      const image = await faceOf(11);
      const asked = await askAs(alice, 'enroll', 'alice', { person: ADA, image });
      const { pending, by, person, expiresAt, askedAt } = PendingChangeSchema.parse(asked.body);
      assert.equal([by, person], ['alice', ADA]);
      assert.is(Date.parse(expiresAt) - Date.parse(askedAt), 7 * 24 * 3600_000);
      const list = PendingListSchema.parse((await askAs(bob, 'pending', 'bob')).body).pending;
      assert.equal(
        list.map((it) => [it.pending, it.verb, it.person, it.by]),
        [[pending, 'enroll', ADA, 'alice']],
      );
      assert.is((await ask(context.nc, 'verify', image, { person: ADA })).status, 404, 'nothing is in force yet');

      const self = await askAs(alice, 'approve', 'alice', { request: pending });
      assert.match(self.error, /^SECOND_PERSON_NEEDED: .*alice asked for the change/);
      const done = EnrollReplySchema.parse((await askAs(bob, 'approve', 'bob', { request: pending })).body);
      assert.equal([done.person, done.images], [ADA, 1]);
      const claimed = { person: ADA, minEnrolment: String(done.sequence) };
      assert.is((await ask(context.nc, 'verify', image, claimed)).body['match'], true);

      const { streams } = await managerOf(context.nc);
      const stored = await streams.getMessage(STREAMS.enrolments, { seq: done.sequence });
      assert.is(stored?.header.get('Nightshift-By'), 'alice, approved by bob');
      const again = await askAs(bob, 'approve', 'bob', { request: pending });
      assert.match(again.error, /^APPROVAL_UNKNOWN/);
      assert.equal(PendingListSchema.parse((await askAs(bob, 'pending', 'bob')).body).pending, []);
      assert.is((await streams.info(STREAMS.pending)).state.messages, 0, 'the image is gone');
    }),
  ));

test('approval: a removal waits too, and each deed has its line without a name in it', () =>
  withPeopleServer((server) =>
    withReplicasOn(server, async (context) => {
      await context.start('r1', { approval: 'second' });
      await context.deploy({ runId: 'run1' });
      const asked = await askAs(await server.as(ROLE), 'remove', null, { person: 'p0' });
      const { pending, by } = PendingChangeSchema.parse(asked.body);
      assert.is(by, 'enroller');
      const bob = await server.as('bob');
      RemoveReplySchema.parse((await askAs(bob, 'approve', 'bob', { request: pending })).body);
      const audit = await createAuditStore(context.nc);
      const { entries } = await audit.newest(10, null);
      assert.equal(
        entries.map((entry) => [entry.action, entry.by, entry.proven, entry.person, entry.about]),
        [
          ['gallery.approve', 'bob', true, keyOf('p0'), { model: MODEL, pending }],
          ['gallery.remove', 'enroller', true, keyOf('p0'), { model: MODEL, pending }],
        ],
      );
    }),
  ));

test('approval: a change that is rejected is gone with its image, never in force, and has its line', () =>
  withPeopleServer((server) =>
    withReplicasOn(server, async (context) => {
      await context.start('r1', { approval: 'second' });
      await context.deploy({ runId: 'run1' });
      const [alice, bob] = [await server.as('alice'), await server.as('bob')];
      const image = await faceOf(11);
      const { pending } = PendingChangeSchema.parse(
        (await askAs(alice, 'enroll', 'alice', { person: ADA, image })).body,
      );
      const rejected = await askAs(bob, 'reject', 'bob', { request: pending });
      assert.equal(RejectedChangeSchema.parse(rejected.body), {
        rejected: pending,
        verb: 'enroll',
        person: ADA,
        by: 'alice',
      });
      for (const verb of ['reject', 'approve'] as const)
        assert.match(
          (await askAs(bob, verb, 'bob', { request: pending })).error,
          /^APPROVAL_UNKNOWN: .*gallery pending/,
        );
      const { streams } = await managerOf(context.nc);
      for (const stream of [STREAMS.pending, STREAMS.enrolments])
        assert.is((await streams.info(stream)).state.messages, 0, stream);
      const { entries } = await (await createAuditStore(context.nc)).newest(10, null);
      assert.equal(
        entries.map((entry) => [entry.action, entry.by, entry.person, entry.about]),
        [
          ['gallery.reject', 'bob', keyOf(ADA), { model: MODEL, pending }],
          ['gallery.enroll', 'alice', keyOf(ADA), { model: MODEL, pending }],
        ],
      );
    }),
  ));

test('approval: of a rejection and another end of the same change at once, one alone is told that it dropped it', () =>
  withPeopleServer((server) =>
    withReplicasOn(server, async (context) => {
      for (const replicaId of ['r1', 'r2']) await context.start(replicaId, { approval: 'second' });
      await context.deploy({ runId: 'run1' });
      const [alice, bob] = [await server.as('alice'), await server.as('bob')];
      const { pending } = PendingChangeSchema.parse((await askAs(alice, 'remove', 'alice', { person: 'p0' })).body);
      const both = await Promise.all([0, 1].map(() => askAs(bob, 'reject', 'bob', { request: pending })));
      assert.is(both.filter(({ error }) => error === '').length, 1);
      assert.is(both.filter(({ error }) => error.startsWith('APPROVAL_UNKNOWN')).length, 1);
    }),
  ));

test('approval: one that waits for its turn changes nothing once the change was rejected', () =>
  withPeopleServer((server) =>
    withReplicasOn(server, async (context) => {
      await context.start('r1', { approval: 'second' });
      await context.deploy({ runId: 'run1' });
      const [alice, bob] = [await server.as('alice'), await server.as('bob')];
      const [image, other] = [await faceOf(11), await faceOf(12)];
      const waiting = async (person: string, face: Uint8Array) =>
        PendingChangeSchema.parse((await askAs(alice, 'enroll', 'alice', { person, image: face })).body).pending;
      const [request, next] = [await waiting(ADA, image), await waiting('Somebody Else', other)];
      const approved = askAs(bob, 'approve', 'bob', { request, minEnrolment: 1 });
      assert.is((await askAs(bob, 'reject', 'bob', { request })).error, '');
      const made = EnrollReplySchema.parse((await askAs(bob, 'approve', 'bob', { request: next })).body);
      assert.is(made.sequence, 1);
      assert.match((await approved).error, /^APPROVAL_UNKNOWN: approve request: no change/);
      const { streams } = await managerOf(context.nc);
      assert.is((await streams.info(STREAMS.enrolments)).state.messages, 1);
    }),
  ));

test('approval: on a server that demands no login nobody can be proven to be another, so nothing is changed', () =>
  withReplicas(async (context) => {
    await context.start('r1', { approval: 'second' });
    await context.deploy({ runId: 'run1' });
    const image = await faceOf(11);
    const asked = await askAs(context.nc, 'enroll', 'alice', { person: ADA, image });
    assert.match(asked.error, /^SECOND_PERSON_NEEDED: .*demands no login/);
    const approved = await askAs(context.nc, 'approve', 'bob', { request: 'any' });
    assert.match(approved.error, /^SECOND_PERSON_NEEDED/);
    const { streams } = await managerOf(context.nc);
    for (const stream of [STREAMS.pending, STREAMS.enrolments, STREAMS.audit])
      assert.is((await streams.info(stream)).state.messages, 0, stream);
  }));

test('enrolment: who did it is stored with the change and in the audit log, and a name that is none is refused', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    await context.deploy({ runId: 'run1' });
    const image = await faceOf(11);
    for (const who of [null, 'alice']) {
      const { error } = await askAs(context.nc, 'enroll', who, { person: `${ADA} ${who}`, image });
      assert.is(error, '');
    }
    const spoofed = await askAs(context.nc, 'enroll', 'operator', { person: ADA, image });
    assert.match(spoofed.error, /^REQUEST_INVALID: .*not the name of a person/);
    const { entries } = await (await createAuditStore(context.nc)).newest(10, null);
    assert.equal(
      entries.map(({ action, by, proven }) => [action, by, proven]),
      [
        ['gallery.enroll', 'alice, unproven', false],
        ['gallery.enroll', 'anonymous', false],
      ],
    );
    const { streams } = await managerOf(context.nc);
    const stored = await streams.getMessage(STREAMS.enrolments, { seq: 2 });
    assert.is(stored?.header.get('Nightshift-By'), 'alice, unproven');
  }));

test.run();
