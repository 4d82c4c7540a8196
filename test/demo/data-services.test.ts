/** The demo's data services, read as the collector reads them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startDataServices, type DataServices, type DataServicesOptions } from '../../demo/data-services.ts';
import { createHttpSource } from '../../services/data/http-source.ts';
import type { SourceSample } from '../../services/data/strategy.ts';
import { withFolder, writeTinyPeople } from '../support/folder.ts';
import { readAll } from '../services/data/data-source.conformance.ts';
import { failureOf } from '../support/samples.ts';
import { orlTest } from '../support/orl.ts';

const SMALL = { folder: null, people: 5, newPeople: 2, shotsPerPerson: 3, probesPerPerson: 2, seed: 3 } as const;

async function withServices(options: DataServicesOptions, use: (services: DataServices) => Promise<void>) {
  const services = await startDataServices(options);
  try {
    await use(services);
  } finally {
    await services.close();
  }
}

async function read({ url }: { url: string }): Promise<SourceSample[]> {
  const source = createHttpSource({ name: 'demo', url, pageSize: 4, timeoutMs: 20_000 });
  return readAll(source);
}

const labelsOf = (samples: readonly SourceSample[]) => [...new Set(samples.map(({ label }) => label))];

test('data services: Auth and Helper share the people between them, each with all served photographs', () =>
  withServices(SMALL, async ({ auth, helper, people }) => {
    const [fromAuth, fromHelper] = [await read(auth), await read(helper)];
    assert.equal([fromAuth.length, fromHelper.length], [9, 6]);
    assert.equal([...labelsOf(fromAuth), ...labelsOf(fromHelper)], people);
    assert.is(new Set([...fromAuth, ...fromHelper].map(({ bytes }) => bytes.toString('hex'))).size, 15);
  }));

test('data services: newcomers appear in Helper alone, once they are enrolled', () =>
  withServices(SMALL, async ({ auth, helper, newPeople, enrolNewPeople }) => {
    assert.is((await read(helper)).length, 6);
    const before = await read(auth);
    enrolNewPeople();
    assert.equal(labelsOf(await read(helper)).slice(2), newPeople);
    assert.equal(await read(auth), before);
  }));

test('data services: live probes are never served', () =>
  withServices(SMALL, async ({ auth, helper, people, newPeople, enrolNewPeople, liveProbes }) => {
    enrolNewPeople();
    const served = new Set([...(await read(auth)), ...(await read(helper))].map(({ bytes }) => bytes.toString('hex')));
    for (const label of [...people, ...newPeople]) {
      assert.is(liveProbes(label).length, 2);
      assert.ok(liveProbes(label).every((probe) => !served.has(probe.toString('hex'))));
    }
    assert.throws(() => liveProbes('nobody'), /nobody is called nobody/);
  }));

test('data services: shuffled labels are all wrong, the same each time, and end with the shuffling', () =>
  withServices(SMALL, async ({ auth, shuffleLabels }) => {
    const right = await read(auth);
    shuffleLabels(true);
    const wrong = await read(auth);
    assert.ok(wrong.every(({ id, label }, index) => id === right[index]?.id && label !== right[index]?.label));
    assert.equal(await read(auth), wrong);
    shuffleLabels(false);
    assert.equal(await read(auth), right);
  }));

test('data services: Street has strangers, other ones come to the door, and both are nobody of the staff', () =>
  withServices({ ...SMALL, strangers: 10 }, async ({ auth, helper, street, liveStrangers }) => {
    const strangers = await read(street);
    assert.is(strangers.length, 18);
    assert.is(labelsOf(strangers).length, 6);
    assert.is(liveStrangers.length, 4);
    const known = new Set(
      [...(await read(auth)), ...(await read(helper)), ...strangers].map(({ bytes }) => bytes.toString('hex')),
    );
    assert.ok(liveStrangers.every((image) => !known.has(image.toString('hex'))));
  }));

test('data services: an empty street serves pictures with nobody in them', () =>
  withServices({ ...SMALL, strangers: 10 }, async ({ street, emptyStreet }) => {
    const before = await read(street);
    emptyStreet(true);
    const empty = await read(street);
    assert.equal(
      empty.map(({ id, label }) => [id, label]),
      before.map(({ id, label }) => [id, label]),
    );
    assert.ok(empty.every(({ bytes }, index) => !bytes.equals(before[index]!.bytes)));
    emptyStreet(false);
    assert.equal(await read(street), before);
  }));

test('data services: the same seed gives the same photographs, another seed other people', async () => {
  const first: SourceSample[] = [];
  await withServices(SMALL, async ({ auth }) => void first.push(...(await read(auth))));
  await withServices(SMALL, async ({ auth }) => assert.equal(await read(auth), first));
  await withServices({ ...SMALL, seed: 4 }, async ({ auth }) => assert.not.equal(await read(auth), first));
});

test('data services: a wrong path or cursor is a client error', () =>
  withServices(SMALL, async ({ auth }) => {
    assert.is((await fetch(auth.url.replace('/samples', '/'))).status, 404);
    assert.is((await fetch(`${auth.url}?cursor=x`)).status, 400);
    assert.is((await fetch(`${auth.url}?limit=-1`)).status, 400);
  }));

orlTest(
  'data services: of the ORL folder 24 people are known, 4 come later, 12 are strangers; 8 images are served, 2 held back',
  (folder) =>
    withServices({ folder }, async ({ auth, helper, street, people, newPeople, enrolNewPeople, ...services }) => {
      const { liveProbes, liveStrangers } = services;
      enrolNewPeople();
      assert.equal([people.length, newPeople.length], [24, 4]);
      assert.is((await read(auth)).length + (await read(helper)).length, 28 * 8);
      assert.equal([(await read(street)).length, liveStrangers.length], [8 * 8, 4 * 2]);
      assert.ok([...people, ...newPeople].every((label) => liveProbes(label).length === 2));
    }),
);

test('data services: a small folder of real images is divided; one with too few people is CONFIG_INVALID', () =>
  withFolder(async (folder) => {
    await writeTinyPeople(folder, 5, 6);
    const failure = await failureOf(startDataServices({ folder }));
    assert.is(failure.code, 'CONFIG_INVALID');
    assert.match(failure.message, /holds 5 people .* at least 6 are needed/);
    await writeTinyPeople(folder, 7, 6);
    await withServices({ folder }, async ({ people, newPeople }) => {
      assert.equal([people.length, newPeople.length], [4, 1]);
    });
  }));

test.run();
