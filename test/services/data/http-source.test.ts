/** The http source against a real server: the conformance suite, and the ways in which a service goes wrong. */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHttpSource, type HttpSourceOptions } from '../../../services/data/http-source.ts';
import { withHttp, withPages } from '../../support/page-server.ts';
import { forgetAnswers, openSourceCache } from '../../../services/data/source-cache.ts';
import { SourceChanged, type SourceContext, type SourceSample } from '../../../services/data/strategy.ts';
import { withFolder } from '../../support/folder.ts';
import { cancelled, failureOf, samplesOf, testPng } from '../../support/samples.ts';
import { dataSourceConformance, readAll, readItems } from './data-source.conformance.ts';

/** As in service, without the pauses. */
const PATIENCE = { attemptsMax: 2, pauses: { pauseMs: 1 } };
const sourceAt = (url: string, timeoutMs = 5_000, more: Partial<HttpSourceOptions> = {}, context: SourceContext = {}) =>
  createHttpSource({ name: 'auth', url, pageSize: 4, timeoutMs, ...PATIENCE, ...more }, context);
const page = (samples: unknown[], nextCursor: string | null = null) => JSON.stringify({ samples, nextCursor });

dataSourceConformance({
  type: 'http',
  withSource: (samples, use) => withPages(samples, (url) => use(sourceAt(url))),
  withAbsent: async (use) => {
    let gone = '';
    await withHttp(
      () => undefined,
      async (url) => void (gone = url),
    );
    await use(sourceAt(gone));
  },
  absenceRetryable: true,
  hasTags: true,
  withBroken: (samples, use) => {
    const broken = { id: 'x', label: 'ada', imageUrl: '/nowhere.png' };
    return withHttp(
      ({ url = '' }, response) => {
        if (url.startsWith('/nowhere')) return void response.writeHead(404).end();
        const entries = samples.map(({ id, label, bytes }) => ({ id, label, image: bytes.toString('base64') }));
        return void response.end(page([...entries.slice(0, 3), broken, ...entries.slice(3)]));
      },
      (url) => use(sourceAt(url)),
    );
  },
  withStore: (samples, use) => {
    let sent = 0;
    return withPages(
      samples,
      (url) => use({ open: (context) => sourceAt(url, 5_000, {}, context), sent: () => sent }),
      (count) => void (sent += count),
    );
  },
});

test('http source: a refused connection names source, address and reason', async () => {
  const failure = await failureOf(readAll(sourceAt('http://127.0.0.1:1/samples')));
  assert.match(
    failure.message,
    /source "auth" at http:\/\/127\.0\.0\.1:1, page 1: no connection, or not to the end \(ECONNREFUSED\); check/,
  );
});

for (const status of [500, 503, 429])
  test(`http source: status ${status} may be tried again`, () =>
    withHttp(
      (_, response) => response.writeHead(status).end('no'),
      async (url) => {
        const failure = await failureOf(readAll(sourceAt(url)));
        assert.is(failure.code, 'SOURCE_UNREACHABLE');
        assert.ok(failure.retryable);
        assert.match(failure.message, String(status));
      },
    ));

for (const status of [204, 401, 404])
  test(`http source: status ${status} is a mistake that a retry cannot mend`, () =>
    withHttp(
      (_, response) => response.writeHead(status).end(),
      async (url) => {
        const failure = await failureOf(readAll(sourceAt(url)));
        assert.is(failure.code, 'SOURCE_INVALID');
        assert.not(failure.retryable);
        assert.match(failure.message, String(status));
      },
    ));

const MISSHAPEN: readonly [what: string, body: string, message: RegExp][] = [
  ['that is not JSON', '<html>', /not JSON/],
  ['without samples', '{"nextCursor":null}', /samples/],
  ['without nextCursor', '{"samples":[]}', /nextCursor/],
];
for (const [what, body, message] of MISSHAPEN)
  test(`http source: a page ${what} is SOURCE_INVALID`, () =>
    withHttp(
      (_, response) => response.end(body),
      async (url) => {
        const failure = await failureOf(readAll(sourceAt(url)));
        assert.is(failure.code, 'SOURCE_INVALID');
        assert.not(failure.retryable);
        assert.match(failure.message, message);
      },
    ));

test('http source: a broken entry of a page is told with its place, and the others stay', () =>
  withHttp(
    (_, response) =>
      response.end(
        page([
          { id: 'a', label: 'ada', image: 'eA==' },
          { id: 'b', label: 'ben' },
          { id: 'c', image: 'eA==' },
          { id: 'd', label: 'dora', image: 'eA==', tags: 'left' },
          null,
          { id: 7, label: 8, image: 'eA==' },
        ]),
      ),
    async (url) => {
      const items = await readItems(sourceAt(url));
      assert.equal(
        items.map((item) =>
          'bytes' in item ? [item.id, item.label] : 'fault' in item && [item.id, item.label, item.fault],
        ),
        [
          ['a', 'ada'],
          ['b', 'ben', 'incomplete'],
          ['c', '', 'incomplete'],
          ['d', 'dora', 'invalid-tags'],
          ['page 1, entry 5', '', 'incomplete'],
          ['7', '8'],
        ],
      );
      assert.match('message' in items[2]! ? items[2].message : '', /^c \(page 1, entry 3\): .*label/);
    },
  ));

const moved = (location: string) => ({ status: 307, headers: { location } });

test('http source: a redirect to the same origin is followed', () =>
  withHttp(
    (request, response) => {
      const { status, headers } = moved('/elsewhere?limit=4');
      if (request.url?.startsWith('/elsewhere')) response.end(page([]));
      else response.writeHead(status, headers).end();
    },
    async (url) => assert.equal(await readAll(sourceAt(url)), []),
  ));

test('http source: redirects without an end, or without an address, are refused', async () => {
  const cases: readonly [location: string, message: RegExp][] = [
    ['/samples', /more than 5 redirects/],
    ['http://', /answered 307 without an address/],
  ];
  for (const [location, message] of cases) {
    const { status, headers } = moved(location);
    await withHttp(
      (_, response) => response.writeHead(status, headers).end(),
      async (url) => {
        const failure = await failureOf(readAll(sourceAt(url)));
        assert.is(failure.code, 'SOURCE_INVALID');
        assert.match(failure.message, message);
      },
    );
  }
});

test('http source: a failure tells status and content type, and of the address neither query nor user', async () => {
  await withHttp(
    (_, response) => response.writeHead(403, { 'content-type': 'Text/HTML; charset=utf-8' }).end('<html>'),
    async (url) => {
      const { message } = await failureOf(readAll(sourceAt(`${url}?token=s3cret`)));
      assert.match(message, /127\.0\.0\.1:\d+, page 1: answered 403 \(text\/html\) instead/);
      assert.not.match(message, /s3cret/);
    },
  );
  const failure = await failureOf(readAll(sourceAt('http://ann:s3cret@127.0.0.1:1/samples')));
  assert.is(failure.code, 'SOURCE_INVALID');
  assert.match(failure.message, /user or a password/);
  assert.not.match(failure.message, /ann|s3cret/);
});

test('http source: a sample may have tags', () =>
  withHttp(
    (_, response) =>
      response.end(
        page([
          { id: 1, label: 'ada', image: '', tags: ['light: left'] },
          { id: 2, label: 'ada', image: '' },
        ]),
      ),
    async (url) =>
      assert.equal(
        (await readAll(sourceAt(url))).map(({ tags }) => tags),
        [['light: left'], undefined],
      ),
  ));

test('http source: a service that is silent half-way through a page runs into the timeout', () =>
  withHttp(
    (_, response) => response.write('{"samples":['),
    async (url) => {
      const failure = await failureOf(readAll(sourceAt(url, 150)));
      assert.is(failure.code, 'SOURCE_UNREACHABLE');
      assert.ok(failure.retryable);
      assert.match(failure.message, /no whole answer within 150 ms/);
    },
  ));

test('http source: an abort while it waits for a page ends it at once, with the reason', () => {
  const controller = new AbortController();
  return withHttp(
    () => controller.abort(cancelled()),
    async (url) => assert.is((await failureOf(readAll(sourceAt(url), controller.signal))).code, 'CANCELLED'),
  );
});

for (const [circle, cursors] of [
  ['to itself', ['again']],
  ['in a circle of two', ['a', 'b']],
  ['in a circle after a way of its own', ['x', 'y', 'a', 'b', 'c', 'd', 'y']],
] as const)
  test(`http source: cursors that lead ${circle} end the reading`, () => {
    let asked = 0;
    return withHttp(
      (_, response) => response.end(page([], cursors[asked++ % cursors.length])),
      async (url) => {
        const { code, message } = await failureOf(readAll(sourceAt(url)));
        assert.is(code, 'SOURCE_INVALID');
        assert.match(message, /its cursors run in a circle/);
        assert.ok(asked <= 2 * cursors.length, `${asked} pages`);
      },
    );
  });

test('http source: a page beyond the size limit is refused while it arrives', () =>
  withHttp(
    (_, response) => {
      const chunk = Buffer.alloc(1024 * 1024, ' ');
      const more = () => {
        while (!response.destroyed && response.write(chunk));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    },
    async (url) => {
      const failure = await failureOf(readAll(sourceAt(url, 20_000)));
      assert.is(failure.code, 'SOURCE_INVALID');
      assert.match(failure.message, /page 1: more than 67108864 bytes; set a pageSize below 4/);
    },
  ));

test('http source: the page size is asked for, and query parameters of the address stay', async () => {
  const asked: string[] = [];
  await withHttp(
    (request, response) => {
      asked.push(request.url ?? '');
      response.end(page([], asked.length === 1 ? 'a b&c' : null));
    },
    (url) => readAll(sourceAt(`${url}?site=north`)).then(() => undefined),
  );
  assert.equal(asked, ['/samples?site=north&limit=4', '/samples?site=north&limit=4&cursor=a+b%26c']);
});

test('http source: numbers are taken as ids and labels', async () => {
  const [sample] = await samplesOf(['ada'], 1);
  const image = sample?.bytes.toString('base64');
  await withHttp(
    (_, response) => response.end(page([{ id: 17, label: 4, image }])),
    async (url) => {
      const [read] = await readAll(sourceAt(url));
      assert.equal([read?.id, read?.label], ['17', '4']);
    },
  );
});

/** Pages of two, each with an ETag that an unchanged page keeps; counts what it sends. */
function servicePages(samples: readonly SourceSample[]) {
  const sent = { bytes: 0, pages: 0, unchanged: 0, fails: new Map<string, number>() };
  const handler = (request: IncomingMessage, response: ServerResponse) => {
    const cursor = new URL(request.url ?? '/', 'http://localhost').searchParams.get('cursor') ?? '0';
    const left = sent.fails.get(cursor) ?? 0;
    if (left > 0) {
      sent.fails.set(cursor, left - 1);
      response.writeHead(503).end();
      return;
    }
    const from = Number(cursor);
    const entries = samples
      .slice(from, from + 2)
      .map(({ id, label, bytes }) => ({ id, label, image: bytes.toString('base64') }));
    const body = JSON.stringify({ samples: entries, nextCursor: from + 2 < samples.length ? String(from + 2) : null });
    const etag = `"${createHash('sha256').update(body).digest('hex')}"`;
    if (request.headers['if-none-match'] === etag) {
      sent.unchanged += 1;
      response.writeHead(304).end();
      return;
    }
    sent.pages += 1;
    sent.bytes += body.length;
    response.writeHead(200, { etag }).end(body);
  };
  return { sent, handler };
}

const cacheIn = (folder: string, isForgotten = (_label: string) => false) =>
  openSourceCache({ folder, source: 'http auth', bytesMax: 1e9, isForgotten });

test('http source: of an unchanged night nothing but questions goes over the wire, and the samples are the same', () =>
  withFolder(async (folder) => {
    const samples = await samplesOf(['ada', 'ben'], 5);
    const { sent, handler } = servicePages(samples);
    await withHttp(handler, async (url) => {
      const read = async () => readAll(sourceAt(url, 5_000, {}, { cache: await cacheIn(folder) }));
      const first = await read();
      const bytes = sent.bytes;
      assert.equal([first.length, sent.pages], [10, 5]);
      assert.equal(await read(), first);
      assert.equal([sent.bytes, sent.unchanged], [bytes, 5]);
      // One image is another: its page alone is sent.
      (samples as SourceSample[])[3] = { ...samples[3]!, bytes: await testPng('changed') };
      const third = await read();
      assert.equal([sent.pages, third[3]!.bytes.equals(await testPng('changed'))], [6, true]);
    });
  }));

test('http source: an attempt goes on at the page at which the one before failed', () =>
  withFolder(async (folder) => {
    const { sent, handler } = servicePages(await samplesOf(['ada', 'ben'], 5));
    await withHttp(handler, async (url) => {
      const read = async () => readAll(sourceAt(url, 5_000, {}, { cache: await cacheIn(folder) }));
      sent.fails.set('6', 2);
      assert.is((await failureOf(read())).code, 'SOURCE_UNREACHABLE');
      assert.is(sent.pages, 3);
      assert.is((await read()).length, 10);
      assert.equal([sent.pages, sent.unchanged], [5, 3]);
    });
  }));

test('http source: a page that fails is asked for again, and the others are not', () => {
  const waits: (string | null)[] = [];
  return samplesOf(['ada', 'ben'], 5).then((samples) => {
    const { sent, handler } = servicePages(samples);
    sent.fails.set('4', 1);
    return withHttp(handler, async (url) => {
      const read = await readAll(sourceAt(url, 5_000, {}, { waits: (why) => void waits.push(why) }));
      assert.equal([read.length, sent.pages], [10, 5]);
      assert.is(waits.length, 2);
      assert.match(waits[0]!, /page 3: answered 503 .* asked again in 1 s \(2 of 2\)/);
      assert.is(waits[1], null);
    });
  });
});

test('http source: nobody who is forgotten is kept, and what a whole reading did not touch is removed', () =>
  withFolder(async (folder) => {
    const samples = await samplesOf(['ada', 'ben'], 2);
    const { sent, handler } = servicePages(samples);
    await withHttp(handler, async (url) => {
      const read = async (isForgotten?: (label: string) => boolean) =>
        readAll(sourceAt(url, 5_000, {}, { cache: await cacheIn(folder, isForgotten) }));
      const files = async () =>
        (await readdir(folder, { recursive: true, withFileTypes: true })).filter((it) => it.isFile()).length;
      await read();
      assert.is(await files(), 2);
      assert.equal(await forgetAnswers(folder, (label) => label === 'ada', { isDry: false }), { files: 2, removed: 1 });
      await read((label) => label === 'ada');
      assert.equal([sent.pages, await files()], [3, 1], 'her page is read, and not kept');
      (samples as SourceSample[]).splice(2);
      await read((label) => label === 'ada');
      assert.is(await files(), 0);
    });
  }));

for (const what of ['total', 'version'] as const)
  test(`http source: another ${what} on a later page is noticed`, () => {
    let asked = 0;
    return withHttp(
      (_, response) =>
        response.end(JSON.stringify({ samples: [], nextCursor: asked++ === 0 ? 'a' : null, [what]: asked })),
      async (url) => {
        const failure = await failureOf(readAll(sourceAt(url)));
        assert.instance(failure, SourceChanged);
        assert.match(failure.message, `its ${what} was another on page 2`);
      },
    );
  });

test('http source: pages without end are noticed early if nothing is in them', () => {
  let asked = 0;
  return withHttp(
    (_, response) => response.end(page([], String(asked++))),
    async (url) => {
      const { code, message } = await failureOf(readAll(sourceAt(url)));
      assert.is(code, 'SOURCE_INVALID');
      assert.match(message, /100 pages in a row are empty/);
      assert.is(asked, 100);
    },
  );
});

test('http source: lines are pages, too, and the last says that it is whole', async () => {
  const lines = (...all: unknown[]) => all.map((it) => (typeof it === 'string' ? it : JSON.stringify(it))).join('\n');
  const entry = { id: 'a', label: 'ada', image: 'eA==' };
  const bodies = [
    lines(entry, '{"id": "b", "la', { ...entry, id: 'c' }, { nextCursor: 'x', total: 3 }),
    lines({ nextCursor: null }),
  ];
  await withHttp(
    (_, response) => response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(bodies.shift()),
    async (url) => {
      const items = await readItems(sourceAt(url));
      assert.equal(
        items.map((it) => ('bytes' in it ? it.id : 'fault' in it && it.fault)),
        ['a', 'incomplete', 'c'],
      );
    },
  );
  await withHttp(
    (_, response) => response.writeHead(200, { 'content-type': 'application/x-ndjson' }).end(lines(entry, entry)),
    async (url) => assert.match((await failureOf(readAll(sourceAt(url)))).message, /was it cut off/),
  );
});

test('http source: a service that passes over the cursor, with a new one each time, is noticed at its second page', () => {
  let asked = 0;
  return withHttp(
    (_, response) => response.end(page([{ id: 'a', label: 'ada', image: 'eA==' }], `cursor ${asked++}`)),
    async (url) => {
      const failure = await failureOf(readAll(sourceAt(url)));
      assert.instance(failure, SourceChanged, 'it is read once more, and then refused');
      assert.match(failure.message, /page 2 has the very samples of an earlier page; does it pass over the cursor\?/);
    },
  );
});

test.run();
