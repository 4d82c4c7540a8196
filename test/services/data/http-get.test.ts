/** One GET: what is packed is unpacked, and never more than is allowed. */
import type { Socket } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHttpClient, TooLarge } from '../../../services/data/http-get.ts';
import { withHttp } from '../../support/page-server.ts';

const BYTES_MAX = 1_000_000;

async function got(body: Buffer, encoding: string | null): Promise<string> {
  let text = '';
  await withHttp(
    (_, response) => response.writeHead(200, encoding === null ? {} : { 'content-encoding': encoding }).end(body),
    async (url) => {
      const client = createHttpClient({});
      try {
        text = (await client.get(new URL(url), {}, BYTES_MAX, new AbortController().signal)).body.toString();
      } finally {
        client.close();
      }
    },
  );
  return text;
}

const PACKED: readonly [encoding: string, pack: (text: Buffer) => Buffer][] = [
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
];

for (const [encoding, pack] of PACKED) {
  test(`http get: ${encoding} is unpacked`, async () =>
    assert.is(await got(pack(Buffer.from('a page')), encoding), 'a page'));

  test(`http get: a small ${encoding} answer that unpacks to more than allowed is refused`, async () => {
    const bomb = pack(Buffer.alloc(5_000_000));
    assert.ok(bomb.length < BYTES_MAX);
    assert.instance(await got(bomb, encoding).catch((error: unknown) => error), TooLarge);
  });

  test(`http get: a ${encoding} answer that was cut off is an error`, async () => {
    const whole = pack(Buffer.from('a page that is long enough to be cut'));
    const error: unknown = await got(whole.subarray(0, whole.length - 6), encoding).catch((it: unknown) => it);
    assert.instance(error, Error);
  });
}

test('http get: an answer that is not packed is taken as it is', async () =>
  assert.is(await got(Buffer.from('x'), null), 'x'));

for (const [how, end] of [
  ['and hangs up', (socket: Socket, head: string) => socket.end(head)],
  ['and says no more', (socket: Socket, head: string) => socket.write(head)],
] as const)
  test(`http get: a service that wants another protocol ${how} is heard`, () =>
    withHttp(
      ({ socket }) =>
        end(socket, 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'),
      async (url) => {
        const client = createHttpClient({});
        const { status, body } = await client.get(new URL(url), {}, BYTES_MAX, new AbortController().signal);
        client.close();
        assert.equal([status, body.length], [101, 0]);
      },
    ));

test.run();
