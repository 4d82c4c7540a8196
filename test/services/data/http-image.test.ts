/** The image of an entry: in the page or at an address, with the login for the origin of the source alone. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHttpSource, type HttpSourceOptions } from '../../../services/data/http-source.ts';
import { withHttp } from '../../support/page-server.ts';
import { failureOf, testPng } from '../../support/samples.ts';
import { readItems } from './data-source.conformance.ts';

process.env['NIGHTSHIFT_TEST_BEARER'] = 't0ken';

const sourceAt = (url: string, more: Partial<HttpSourceOptions> = {}) =>
  createHttpSource({
    ...{ name: 'auth', url, pageSize: 50, timeoutMs: 5_000, attemptsMax: 2, pauses: { pauseMs: 1 } },
    ...{ bearer: { env: 'NIGHTSHIFT_TEST_BEARER' }, ...more },
  });

/** A page of these images, and what else is asked for. */
const withImages = (
  images: readonly object[],
  answer: (path: string, login: string | undefined) => readonly [status: number, body?: Buffer],
  use: (url: string) => Promise<void>,
) =>
  withHttp(({ url = '', headers }, response) => {
    const { pathname } = new URL(url, 'http://localhost');
    const samples = images.map((image, index) => ({ id: `s${index}`, label: 'ada', ...image }));
    if (pathname === '/samples') return void response.end(JSON.stringify({ samples, nextCursor: null }));
    const [status, body] = answer(pathname, headers.authorization);
    return void response.writeHead(status).end(body);
  }, use);

const told = (items: Awaited<ReturnType<typeof readItems>>) =>
  items.map((it) => ('bytes' in it ? it.bytes.toString('base64') : 'fault' in it ? it.fault : 'passed over'));

test('http image: base64, a data URI and an address give the same picture, in the order of the page', async () => {
  const png = await testPng('ada');
  const text = png.toString('base64');
  const percent = [...png].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  const images = [
    { imageUrl: 'faces/1.png' },
    { image: text },
    { image: `data:image/png;base64,${text}` },
    { imageUrl: '/faces/1.png' },
    { image: `data:image/png,${percent}` },
  ];
  const logins: (string | undefined)[] = [];
  await withImages(
    images,
    (_, login) => {
      logins.push(login);
      return [200, png];
    },
    async (url) => assert.equal(told(await readItems(sourceAt(url))), Array(5).fill(text)),
  );
  assert.equal(logins, Array(2).fill('Bearer t0ken'));
});

test('http image: one that cannot be had is one bad item of its page', async () => {
  const png = await testPng('ada');
  const good = { image: png.toString('base64') };
  const images = [
    good,
    { imageUrl: '/gone.png' },
    { imageUrl: 'http://' },
    { imageUrl: 'http://elsewhere.invalid/1.png' },
    { image: 'data:image/png' },
    { imageUrl: '/down.png' },
    { imageUrl: '/huge.png' },
    { imageUrl: 'file:///etc/passwd' },
    { imageUrl: `data:image/png;base64,${good.image}` },
    { ...good, imageUrl: '/both.png' },
    {},
    good,
  ];
  await withImages(
    images,
    (path) => (path === '/gone.png' ? [404] : path === '/down.png' ? [503] : [200, Buffer.alloc(1001)]),
    async (url) => {
      const items = await readItems(sourceAt(url, { photographs: { bytesMax: 1000 } }));
      const [first, last] = [told(items)[0], told(items).at(-1)];
      assert.equal([first, last], [good.image, good.image]);
      assert.equal(told(items).slice(1, -1), [...Array<string>(8).fill('unavailable'), 'incomplete', 'incomplete']);
      const why = items.map((it) => ('message' in it ? it.message : ''));
      assert.match(why[1]!, /^s1: .*the image of s1: answered 404/);
      assert.match(why[3]!, /leads to http:\/\/elsewhere.invalid, which is not among the imageOrigins/);
      assert.match(why[7]!, /has the scheme file: and is not asked/);
      assert.match(why[8]!, /is a data URI, which stands in `image`/);
    },
  );
});

test('http image: another origin is asked if the file lists it, and gets no login', async () => {
  const png = await testPng('ada');
  const logins: (string | undefined)[] = [];
  await withHttp(
    ({ headers }, response) => {
      logins.push(headers.authorization);
      response.end(png);
    },
    (other) =>
      withImages(
        [{ imageUrl: other }],
        () => [500],
        async (url) => {
          const items = await readItems(sourceAt(url, { imageOrigins: [new URL(other).origin] }));
          assert.equal(told(items), [png.toString('base64')]);
        },
      ),
  );
  assert.equal(logins, [undefined]);
});

test('http image: a service that is away for several images in a row is away', () =>
  withImages(
    Array.from({ length: 9 }, () => ({ imageUrl: '/1.png' })),
    () => [503],
    async (url) => assert.is((await failureOf(readItems(sourceAt(url)))).code, 'SOURCE_UNREACHABLE'),
  ));

test.run();
