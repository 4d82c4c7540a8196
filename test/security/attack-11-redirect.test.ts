/**
 * Attack 11: a data service that sends the collector to another address, or answers with a text that somebody wants to
 * see in a public event. Neither the other address is asked, nor does anything of the answer stand in the failure.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { toFailure } from '../../contracts/errors.ts';
import { createHttpSource } from '../../services/data/http-source.ts';
import { withHttp } from '../support/page-server.ts';
import { failureOf } from '../support/samples.ts';
import { readAll } from '../services/data/data-source.conformance.ts';

const sourceAt = (url: string) => createHttpSource({ name: 'auth', url, pageSize: 4, timeoutMs: 5_000 });
const SECRET = 'AKIA-secret-of-the-machine';

for (const status of [301, 302, 303, 307, 308])
  test(`attack 11: a redirect (${status}) to another origin is not followed`, async () => {
    let asked = 0;
    await withHttp(
      (_, response) => {
        asked += 1;
        response.end(JSON.stringify({ samples: [], nextCursor: null }));
      },
      (inner) =>
        withHttp(
          (_, response) => response.writeHead(status, { location: `${inner}?${SECRET}` }).end(SECRET),
          async (url) => {
            const failure = await failureOf(readAll(sourceAt(url)));
            assert.is(failure.code, 'SOURCE_INVALID');
            assert.match(failure.message, /redirects to another origin/);
            assert.not.match(failure.message, SECRET);
          },
        ),
    );
    assert.is(asked, 0);
  });

/** Name of the answer, its headers, its body. */
const ANSWERS: readonly [string, Record<string, string>, string][] = [
  ['text', {}, SECRET],
  ['a page of another form', {}, JSON.stringify({ samples: [{ id: SECRET, label: SECRET }], nextCursor: SECRET })],
  ['a cursor that leads to itself', {}, JSON.stringify({ samples: [], nextCursor: SECRET })],
  ['a content type that is none', { 'content-type': `text/${SECRET} ${SECRET}` }, SECRET],
];
for (const [what, headers, body] of ANSWERS)
  test(`attack 11: ${what} is quoted neither in the failure nor in its cause`, () =>
    withHttp(
      (_, response) => response.writeHead(200, headers).end(body),
      async (url) => {
        const failure = await failureOf(readAll(sourceAt(url)));
        assert.is(failure.code, 'SOURCE_INVALID');
        assert.not.match(JSON.stringify(toFailure(failure)), SECRET);
        assert.is(failure.cause, undefined);
      },
    ));

test.run();
