/** People over HTTP: each role may do what it may by NATS, is refused the same, and stands in the audit log as the same. */
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ForgetStateSchema } from '../../../actors/gateway/people-table.ts';
import { ENDPOINTS } from '../../../contracts/api.ts';
import {
  EnrollReplySchema,
  PendingChangeSchema,
  PendingListSchema,
  PeopleReplySchema,
} from '../../../contracts/inference.ts';
import { API } from '../../../contracts/subjects.ts';
import { keyOf } from '../../../infra/stores/enrolment-log.ts';
import { asked, formOf, withGallery } from '../../support/gallery-http.ts';
import type { Served } from '../../support/gateway.ts';
import { faceOf, MODEL } from '../../support/replicas.ts';
import { until } from '../../support/wait.ts';

const path = (verb: string) => `/v1/${MODEL}/${verb}`;
const titleOf = async (served: Served, ...rest: Parameters<typeof asked> extends [unknown, ...infer R] ? R : never) => {
  const { status, body } = await asked(served, ...rest);
  return [status, body?.['title']];
};
const peopleOf = async (served: Served, query = '') =>
  PeopleReplySchema.parse((await asked(served, 'operator', `${path('people')}${query}`)).body);

test('people: an enroller sees, enrols and removes; others are refused as by NATS; who did it is noted', () =>
  withGallery('none', async (served) => {
    const image = new Uint8Array(await faceOf(11));
    const digest = createHash('sha256').update(image).digest('hex');
    await refused(served, image);

    const all = await peopleOf(served);
    assert.equal(
      all.people.map(({ person, fromNight, references, images }) => [person, fromNight, references, images.length]),
      ['p0', 'p1', 'p2', 'p3', 'p4', 'p5'].map((name) => [name, true, 1, 0]),
    );
    const first = await peopleOf(served, '?limit=4');
    assert.is(first.next, 'p3');
    const second = await peopleOf(served, `?limit=4&cursor=${first.next}`);
    assert.equal([second.people.map(({ person }) => person), second.next], [['p4', 'p5'], null]);

    const enrolled = await asked(served, 'enroller', path('enroll'), formOf('Zoë Ångström', image));
    const { images, person } = EnrollReplySchema.parse(enrolled.body);
    assert.equal([enrolled.status, images, person], [200, 1, 'Zoë Ångström']);
    // The same image once more, raw, with the name in a header as curl sends it.
    const name = Buffer.from(person).toString('latin1');
    const raw = { method: 'POST', body: image, headers: { 'nightshift-person': name } };
    const again = await served.fetch(path('enroll'), { ...raw, as: 'enroller' });
    assert.is(EnrollReplySchema.parse(await again.json()).images, 1);
    const [zoe] = (await peopleOf(served, '?search=zo%C3%AB')).people;
    assert.equal([zoe?.fromNight, zoe?.images.map((it) => [it.digest, it.by])], [false, [[digest, 'enroller']]]);
    const picture = await served.fetch(path('picture'), {
      ...{ method: 'POST', body: JSON.stringify({ person, digest }), as: 'operator' },
      headers: { 'content-type': 'application/json' },
    });
    assert.is(picture.headers.get('content-type'), 'image/png');
    assert.equal(new Uint8Array(await picture.arrayBuffer()), image);
    const other = { person, digest: digest.replaceAll(/./g, '0') };
    assert.equal(await titleOf(served, 'enroller', path('picture'), other), [404, 'PERSON_UNKNOWN']);

    assert.is((await asked(served, 'enroller', path('remove'), { person })).status, 200);
    assert.equal(await titleOf(served, 'enroller', path('remove'), { person }), [404, 'PERSON_UNKNOWN']);
    assert.is((await peopleOf(served)).enrolled, 6);
    const { entries } = ENDPOINTS[API.audit].answer.parse((await asked(served, null, '/api/v1/audit')).body);
    assert.equal(
      entries.slice(0, 2).map((line) => [line.action, line.by, line.proven, line.person]),
      [
        ['gallery.remove', 'enroller', true, keyOf(person)],
        ['gallery.enroll', 'enroller', true, keyOf(person)],
      ],
    );
  }));

async function refused(served: Served, image: Uint8Array<ArrayBuffer>): Promise<void> {
  const form = formOf('Eve', image);
  for (const [as, status] of [
    [null, 401],
    ['viewer', 403],
    ['door', 403],
  ] as const) {
    for (const [verb, send] of [
      ['people', undefined],
      ['pending', undefined],
      ['enroll', form],
      ['remove', { person: 'p0' }],
      ['picture', { pending: 'x' }],
      ['approve', { pending: 'x' }],
      ['reject', { pending: 'x' }],
    ] as const)
      assert.is((await asked(served, as, path(verb), send)).status, status, `${verb} as ${as}`);
    assert.is((await asked(served, as, '/api/v1/people/forget', { person: 'p0', mode: 'look' })).status, status);
  }
  assert.equal(await titleOf(served, 'operator', path('enroll'), form), [403, 'PERMISSION_DENIED']);
  for (const verb of ['approve', 'reject'])
    assert.equal(await titleOf(served, 'enroller', path(verb), { pending: 'x' }), [403, 'PERMISSION_DENIED']);
  assert.equal(await titleOf(served, 'enroller', path('enroll'), formOf('', image)), [400, 'REQUEST_INVALID']);
  const [two, twice] = [formOf('Eve', image), formOf('Eve', image)];
  two.append('image', new Blob([image]), 'other.png');
  twice.append('person', 'Adam');
  for (const form of [two, twice])
    assert.equal(await titleOf(served, 'enroller', path('enroll'), form), [400, 'REQUEST_INVALID']);
  const named = `${path('enroll')}?person=Eve&person=Adam`;
  assert.equal(await titleOf(served, 'enroller', named, formOf('Eve', image)), [400, 'REQUEST_INVALID']);
  const nameless = new FormData();
  nameless.append('image', new Blob([image]), 'face.png');
  const { body: told } = await asked(served, 'enroller', path('enroll'), nameless);
  assert.match(JSON.stringify(told), /enroll: name the person by \?person=, in the form, or in the header/);
  const other = `${path('enroll')}?person=Adam`;
  const { body } = await asked(served, 'enroller', other, formOf('Eve', image));
  assert.match(JSON.stringify(body), /different people: \\"Adam\\" by \?person=, \\"Eve\\" by the form; name one/);
  assert.equal(await titleOf(served, 'enroller', other, formOf('Eve', image)), [400, 'REQUEST_INVALID']);
  const wrong = formOf('Eve', new Uint8Array(Buffer.from('no image')));
  assert.equal(await titleOf(served, 'enroller', path('enroll'), wrong), [400, 'IMAGE_UNREADABLE']);
  assert.equal(await titleOf(served, 'enroller', '/v1/cats/people'), [503, 'NATS_UNAVAILABLE']);
  assert.equal(await titleOf(served, 'operator', `${path('people')}?limit=101`), [400, 'REQUEST_INVALID']);
  const search = (count: number) => `${path('people')}?search=${encodeURIComponent('😀'.repeat(count))}`;
  assert.is((await asked(served, 'operator', search(128))).status, 200);
  assert.equal(await titleOf(served, 'operator', search(129)), [400, 'REQUEST_INVALID']);
}

test('people: where a second person is needed, an enrolment waits with its picture until an operator approves it', () =>
  withGallery('second', async (served) => {
    const image = new Uint8Array(await faceOf(11));
    const waits = await asked(served, 'enroller', path('enroll'), formOf('Ada', image));
    const { pending, by } = PendingChangeSchema.parse(waits.body);
    assert.equal([waits.status, by], [202, 'enroller']);
    assert.is((await peopleOf(served, '?search=ada')).found, 0);
    const list = PendingListSchema.parse((await asked(served, 'operator', path('pending'))).body);
    assert.equal(
      list.pending.map((it) => [it.pending, it.person]),
      [[pending, 'Ada']],
    );
    const picture = await served.fetch(path('picture'), {
      ...{ method: 'POST', body: JSON.stringify({ pending }), as: 'operator' },
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(new Uint8Array(await picture.arrayBuffer()), image);
    assert.is((await asked(served, 'operator', path('approve'), { pending })).status, 200);
    assert.equal(await titleOf(served, 'operator', path('approve'), { pending }), [404, 'APPROVAL_UNKNOWN']);
    const [ada] = (await peopleOf(served, '?search=ada')).people;
    assert.equal(
      ada?.images.map((it) => it.by),
      ['enroller, approved by operator'],
    );
  }));

test('people: a change that waits is rejected by an operator, and gone', () =>
  withGallery('second', async (served) => {
    const { body } = await asked(served, 'enroller', path('remove'), { person: 'p0' });
    const { pending } = PendingChangeSchema.parse(body);
    assert.equal(await asked(served, 'operator', path('reject'), { pending }), {
      status: 200,
      body: { rejected: pending, verb: 'remove', person: 'p0', by: 'enroller' },
    });
    assert.equal(await titleOf(served, 'operator', path('reject'), { pending }), [404, 'APPROVAL_UNKNOWN']);
    assert.is((await peopleOf(served, '?search=p0')).found, 1);
  }));

test('people: an operator looks for somebody and has them forgotten, and hears what the janitor did', () =>
  withGallery('none', async (served) => {
    const order = async (mode: string) => {
      const given = await asked(served, 'operator', '/api/v1/people/forget', { person: ' p5 ', mode });
      assert.is(given.status, 202, JSON.stringify(given.body));
      const route = `/api/v1/people/forget/${String(given.body?.['order'])}`;
      const report = await until(async () => {
        const { state, report: done } = ForgetStateSchema.parse((await asked(served, 'operator', route)).body);
        assert.is.not(state, 'failed');
        return done;
      }, `the end of ${mode}`);
      assert.is((await asked(served, 'enroller', route)).status, 403);
      return report;
    };
    const looked = await order('look');
    assert.equal([looked.mode, looked.found, looked.sources], ['look', true, ['people']]);
    assert.is((await peopleOf(served, '?search=p5')).found, 1);
    assert.ok((await order('forget')).rows.some(({ removed, changed }) => removed + changed > 0));
    await until(async () => (await peopleOf(served, '?search=p5')).found === 0, 'the replicas to forget');
    const waiting = await asked(served, 'operator', '/api/v1/people/forget/nobody-gave-this');
    assert.equal(waiting.body, { state: 'waiting', report: null, failure: null });
  }));

test.run();
