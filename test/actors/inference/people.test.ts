/** The people of a gallery, asked over NATS: by name and page, with their images as they were sent. */
import { createHash } from 'node:crypto';
import { headers, type NatsConnection } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { INFER_HEADERS, PeopleReplySchema } from '../../../contracts/inference.ts';
import { inferSubject } from '../../../contracts/subjects.ts';
import { createEnrolmentLog } from '../../../infra/stores/enrolment-log.ts';
import { ask, faceOf, MODEL, withReplicas } from '../../support/replicas.ts';
import { until } from '../../support/wait.ts';

const request = (nc: NatsConnection, verb: 'people' | 'picture', body: string, given: Record<string, string> = {}) => {
  const meta = headers();
  for (const [name, value] of Object.entries(given)) meta.set(name, value);
  return nc.request(inferSubject(MODEL, verb), body, { timeout: 15_000, headers: meta });
};
const errorOf = async (...args: Parameters<typeof request>) =>
  (await request(...args)).headers?.get(INFER_HEADERS.errorText) ?? '';

test('people: who is enrolled, by page and by name, with who enrolled them; an image comes back as it was sent', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    const { nc } = context;
    assert.match(await errorOf(nc, 'people', ''), /^NOT_READY/);
    await context.deploy({ runId: 'run1' });
    const [image, other] = [await faceOf(11), await faceOf(12)];
    for (const file of [image, other]) assert.is((await ask(nc, 'enroll', file, { person: 'Ada Byron' })).status, 200);
    const reply = PeopleReplySchema.parse((await request(nc, 'people', '')).json());
    assert.equal([reply.release, reply.found, reply.enrolled, reply.next], [1, 6, 6, null]);
    assert.equal(
      reply.people.map(({ person, references }) => [person, references]),
      [['Ada Byron', 1], ...['p0', 'p1', 'p2', 'p3', 'p4'].map((name) => [name, 1])],
    );
    const [ada] = reply.people;
    const digests = [image, other].map((file) => createHash('sha256').update(file).digest('hex'));
    assert.equal(
      ada!.images.map(({ digest, by }) => [digest, by]),
      digests.map((digest) => [digest, 'anonymous']),
    );
    assert.ok(ada!.images.every(({ at }) => Math.abs(Date.now() - Date.parse(at)) < 60_000));
    const wanted = { [INFER_HEADERS.person]: 'Ada Byron', [INFER_HEADERS.image]: digests[1]! };
    assert.equal(Buffer.from((await request(nc, 'picture', '', wanted)).data), other);
    assert.is((await ask(nc, 'remove', new Uint8Array(0), { person: 'Ada Byron' })).status, 200);
    assert.match(await errorOf(nc, 'picture', '', wanted), /^PERSON_UNKNOWN/);
    const found = PeopleReplySchema.parse((await request(nc, 'people', '{"search":"BYRON"}')).json());
    assert.equal([found.found, found.people], [0, []]);
  }));

test('people: an image that was enrolled under an older spelling of the name is shown, too', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    await context.deploy({ runId: 'run1' });
    const { nc, test: server } = context;
    const image = new Uint8Array(await faceOf(11));
    const log = await createEnrolmentLog(nc, MODEL, server.log);
    await log.append({ person: 'Zoe\u0308', image, by: '' }, 0);
    const listed = await until(async () => {
      const { people } = PeopleReplySchema.parse((await request(nc, 'people', '{"search":"zo\u00EB"}')).json());
      return people[0] ?? null;
    }, 'the older spelling to be listed');
    const wanted = { [INFER_HEADERS.person]: listed.person, [INFER_HEADERS.image]: listed.images[0]!.digest };
    assert.equal(new Uint8Array((await request(nc, 'picture', '', wanted)).data), image);
  }));

test('people: a question that is none is refused by its field', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    await context.deploy({ runId: 'run1' });
    const { nc } = context;
    assert.match(await errorOf(nc, 'people', '{'), /^REQUEST_INVALID: people request: not JSON/);
    assert.match(await errorOf(nc, 'people', '{"limit":101}'), /^REQUEST_INVALID: people request: .*limit/);
    assert.match(await errorOf(nc, 'picture', ''), /^REQUEST_INVALID: picture request: name the person/);
    assert.match(await errorOf(nc, 'picture', '', { [INFER_HEADERS.request]: 'x' }), /^APPROVAL_UNKNOWN/);
    const person = { [INFER_HEADERS.person]: 'p0', [INFER_HEADERS.image]: '0'.repeat(64) };
    assert.match(await errorOf(nc, 'picture', '', person), /^PERSON_UNKNOWN: picture request: no such image/);
  }));

test.run();
