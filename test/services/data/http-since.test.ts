/** Increments of an http source: the conformance suite over a service that has them, and deltas that are wrong or lost. */
import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHttpSource } from '../../../services/data/http-source.ts';
import { digestOfIds } from '../../../services/data/http-since.ts';
import { openSourceCache } from '../../../services/data/source-cache.ts';
import type { SourceContext, SourceSample } from '../../../services/data/strategy.ts';
import { withFolder } from '../../support/folder.ts';
import { withHttp, withIncrements, type ChangingService } from '../../support/page-server.ts';
import { cancelled, failureOf, samplesOf } from '../../support/samples.ts';
import { dataSourceConformance, readAll } from './data-source.conformance.ts';

const sourceAt = (url: string, context: SourceContext = {}, fullEvery = 7) =>
  createHttpSource(
    { name: 'auth', url, pageSize: 4, fullEvery, timeoutMs: 5_000, attemptsMax: 2, pauses: { pauseMs: 1 } },
    context,
  );

dataSourceConformance({
  ...{ type: 'http', title: 'http with increments' },
  withSource: (samples, use) => withIncrements(samples, ({ url }) => use(sourceAt(url))),
  withAbsent: async (use) => {
    let gone = '';
    await withHttp(
      () => undefined,
      async (url) => void (gone = url),
    );
    await use(sourceAt(gone));
  },
  absenceRetryable: true,
  withStore: (samples, use) =>
    withIncrements(
      samples,
      (service) =>
        use({ open: (context) => sourceAt(service.url, context), sent: service.sent, change: service.change }),
      { hasETags: true },
    ),
  hasIncrements: true,
});

interface Nights {
  readonly service: ChangingService;
  readonly folder: string;
  /** Ids and labels of a reading, sorted, and the questions that it asked. */
  read(fullEvery?: number): Promise<{ readonly people: readonly string[]; readonly asked: readonly string[] }>;
}

/** Twelve samples of three people, read whole once. */
const withNights = (use: (nights: Nights, samples: readonly SourceSample[]) => Promise<void>) =>
  withFolder(async (folder) => {
    const samples = await samplesOf(['ada', 'ben', 'cleo'], 4);
    await withIncrements(samples, async (service) => {
      const read = async (fullEvery?: number) => {
        const cache = await openSourceCache({ folder, source: 'auth', bytesMax: 1e9, isForgotten: () => false });
        const before = service.asked.length;
        const found = await readAll(sourceAt(service.url, { cache }, fullEvery));
        return {
          people: found.map(({ id, label }) => `${label} ${id}`).sort(),
          asked: service.asked
            .slice(before)
            .map((query) => (query.has('since') ? `since ${query.get('since')}` : 'page')),
        };
      };
      await read();
      await use({ service, folder, read }, samples);
    });
  });
const peopleOf = (samples: readonly SourceSample[]) => samples.map(({ id, label }) => `${label} ${id}`).sort();
const WHOLE = ['page', 'page', 'page'];

test('increments: an unchanged night asks one question, and a changed one is told what changed', () =>
  withNights(async ({ service, read }, samples) => {
    assert.equal(await read(), { people: peopleOf(samples), asked: ['since 0'] });
    const less = samples.slice(2);
    service.change(less);
    assert.equal(await read(), { people: peopleOf(less), asked: ['since 0'] });
    assert.equal(await read(), { people: peopleOf(less), asked: ['since 1'] });
  }));

test('increments: every so many readings the listing is read whole, and 1 asks for no changes', () =>
  withNights(async ({ read }) => {
    const asked = [];
    for (let night = 0; night < 4; night++) asked.push((await read(3)).asked.join());
    assert.equal(asked, ['since 0', 'since 0', WHOLE.join(), 'since 0']);
    assert.equal((await read(1)).asked, WHOLE);
  }));

test('increments: nobody is lost by a delta that is wrong: what does not add up is read whole', () =>
  withNights(async ({ service, read }, samples) => {
    const everybody = peopleOf(samples);
    const wrong: Readonly<Record<string, ChangingService['distort']>> = {
      'people removed by mistake': (page) => ({ ...page, removed: ['ada/1', 'ada/2', 'ada/3', 'ada/4'] }),
      'without a total': ({ total: _, ...page }) => page,
      'with another total': (page) => ({ ...page, total: 11 }),
      'no delta at all': ({ removed: _, ...page }) => page,
      'a page that is none': (_, response) => void response.end('nothing'),
      'a state that it does not know any more': (_, response) => void response.writeHead(410).end(),
    };
    for (const [what, distort] of Object.entries(wrong)) {
      service.distort = distort;
      assert.equal(await read(), { people: everybody, asked: ['since 0', ...WHOLE] }, what);
    }
    service.distort = (page) => page;
    assert.equal(await read(), { people: everybody, asked: ['since 0'] });
  }));

test('increments: changes whose pages run in a circle cost one reading, not each night from then on', () =>
  withNights(async ({ service, read }, samples) => {
    service.distort = (page) => ({ ...page, nextCursor: 'again' });
    assert.equal(await read(), { people: peopleOf(samples), asked: ['since 0', 'since 0', ...WHOLE] });
  }));

test('increments: pages that only take somebody away are not empty, however many there are', () =>
  withFolder((folder) => {
    let listings = 0;
    const answer = (query: URLSearchParams) => {
      if (!query.has('since')) {
        listings += 1;
        return { samples: [{ id: 'a', label: 'ada', image: 'eA==' }], nextCursor: null, since: '0' };
      }
      const number = Number(query.get('cursor') ?? 1);
      return { samples: [], nextCursor: number < 101 ? String(number + 1) : null, total: 1, removed: [`b${number}`] };
    };
    return withHttp(
      ({ url = '' }, response) =>
        void response.end(JSON.stringify(answer(new URL(url, 'http://localhost').searchParams))),
      async (url) => {
        const cache = await openSourceCache({ folder, source: 'auth', bytesMax: 1e9, isForgotten: () => false });
        for (const night of [1, 2]) assert.is((await readAll(sourceAt(url, { cache }))).length, 1, `night ${night}`);
        assert.is(listings, 1);
      },
    );
  }));

test('increments: a change that a delta forgot comes with the next whole reading', () =>
  withNights(async ({ service, read }, samples) => {
    service.change(samples.map((sample, at) => (at === 0 ? { ...sample, label: 'dara' } : sample)));
    service.distort = (page) => ({ ...page, samples: [] });
    assert.equal((await read(2)).people, peopleOf(samples));
    assert.ok((await read(2)).people.includes('dara ada/1'));
  }));

test('increments: a delta with two mistakes that leave the number as it was is found by the digest of ids, if it is told', () =>
  withNights(async ({ service, read }, samples) => {
    const [fresh] = await samplesOf(['dara'], 1);
    const now = [...samples.slice(1), fresh!];
    service.change(now);
    // It takes away another one than who left.
    const wrong: ChangingService['distort'] = (page) => ({ ...page, removed: ['ben/1'] });
    const told = digestOfIds(now.map(({ id }) => id));
    service.distort = (page, response) => ({ ...wrong(page, response)!, idsSha256: told.toUpperCase() });
    assert.equal(await read(), { people: peopleOf(now), asked: ['since 0', ...WHOLE] });
    service.distort = (page) => ({ ...page, idsSha256: told });
    assert.equal(await read(), { people: peopleOf(now), asked: ['since 1'] });
    service.change(samples);
    service.distort = wrong;
    assert.not.equal((await read()).people, peopleOf(samples), 'without it nobody sees');
  }));

test('increments: the digest of ids is that of their bytes, in their order', () => {
  const known = createHash('sha256').update('a\nb\n\u{10000}\n').digest('hex');
  assert.is(digestOfIds(['\u{10000}', 'b', 'a']), known);
  assert.is(digestOfIds(new Map().keys()), createHash('sha256').digest('hex'));
  // By code units U+FFxx would come behind.
  assert.is(digestOfIds(['\u{10000}', '\uff21']), createHash('sha256').update('\uff21\n\u{10000}\n').digest('hex'));
});

test('increments: pages that are gone, as of somebody who was forgotten, have the listing read whole', () =>
  withNights(async ({ folder, read }, samples) => {
    const [source] = await readdir(folder);
    for (const file of await readdir(join(folder, source!))) {
      await rm(join(folder, source!, file));
      assert.equal((await read()).people, peopleOf(samples));
    }
  }));

test('increments: changes that may not be kept have the listing read whole', () =>
  withNights(async ({ service, read }, samples) => {
    const fresh = await samplesOf(['dara'], 4);
    service.change([...samples, ...fresh]);
    service.distort = (page, response) => {
      response.writeHead(200, { 'cache-control': 'no-store' }).end(JSON.stringify(page));
      return undefined;
    };
    const everybody = peopleOf([...samples, ...fresh]);
    assert.equal(await read(), { people: everybody, asked: ['since 0', ...WHOLE, 'page'] });
  }));

test('increments: an id that a delta gives to two people counts for nobody, and the listing is read whole', () =>
  withNights(async ({ service, read }, samples) => {
    const [first, ...others] = samples;
    const next = [{ ...first!, label: 'dara' }, ...others];
    service.change(next);
    service.distort = (page) => ({ ...page, samples: [{ ...page.samples[0]!, label: 'emil' }, ...page.samples] });
    assert.equal(await read(), { people: peopleOf(next), asked: ['since 0', ...WHOLE] });
  }));

test('increments: a reading of changes that is interrupted leaves the state before, and the next one has all', () =>
  withNights(async ({ service, folder, read }, samples) => {
    const fresh = await samplesOf(['dara', 'emil'], 4);
    service.change([...samples.slice(1), ...fresh]);
    const controller = new AbortController();
    const cache = await openSourceCache({ folder, source: 'auth', bytesMax: 1e9, isForgotten: () => false });
    const reading = async () => {
      for await (const _ of sourceAt(service.url, { cache }).samples(controller.signal)) controller.abort(cancelled());
    };
    assert.is((await failureOf(reading())).code, 'CANCELLED');
    service.change(fresh);
    assert.equal((await read()).people, peopleOf(fresh));
    assert.equal((await read()).asked, ['since 2']);
  }));

test.run();
