/** The http source against a real server: the conformance suite, and the ways in which a service goes wrong. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHttpSource } from '../../../services/data/http-source.ts';
import { withHttp, withPages } from '../../support/page-server.ts';
import { cancelled, failureOf, samplesOf } from '../../support/samples.ts';
import { dataSourceConformance, readAll, readItems } from './data-source.conformance.ts';

const sourceAt = (url: string, timeoutMs = 5_000) => createHttpSource({ name: 'auth', url, pageSize: 4, timeoutMs });
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
});

test('http source: a refused connection names source, address and reason', async () => {
  const failure = await failureOf(readAll(sourceAt('http://127.0.0.1:1/samples')));
  assert.match(failure.message, /source "auth" at http:\/\/127\.0\.0\.1:1: fetch failed \(.+\); check/);
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
      assert.match(message, /127\.0\.0\.1:\d+: answered 403 \(text\/html\) instead/);
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
      assert.match(failure.message, /no whole page within 150 ms/);
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
      assert.match(failure.message, /pageSize below 4/);
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

test.run();
