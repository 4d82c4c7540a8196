/** The body of a page: what is as good as absent, what is no page, and what the sentence about it says. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NoPage, pageOf } from '../../../services/data/http-page.ts';

const JSON_TYPE = 'application/json';
const page = (text: string, mediaType = JSON_TYPE) => pageOf(Buffer.from(text), mediaType, 1);

function whyNone(text: string): string {
  try {
    page(text);
  } catch (error) {
    assert.instance(error, NoPage);
    return (error as NoPage).message;
  }
  return assert.unreachable('it is a page') as never;
}

test('http page: null for what a service does not have, and a mark of the order of bytes, are no fault', () => {
  const entry = { id: 'a', label: 'ada', image: 'eA==', imageUrl: null, tags: null };
  const end = { nextCursor: null, total: null, version: null, since: null, removed: null, idsSha256: null };
  for (const read of [
    page(`\uFEFF${JSON.stringify({ samples: [entry], ...end })}`),
    page(`\uFEFF${JSON.stringify(entry)}\n${JSON.stringify(end)}`, 'application/x-ndjson'),
  ]) {
    const [sample] = read.entries;
    assert.ok(sample && !('fault' in sample), JSON.stringify(sample));
    assert.equal([sample.id, sample.tags, sample.imageUrl], ['a', undefined, undefined]);
    assert.equal([read.total, read.version, read.since, read.removed], [undefined, undefined, undefined, undefined]);
  }
});

for (const total of ['"48"', '-48', '48.5', '1e999'])
  test(`http page: a total of ${total} is no page, and the sentence says what a total is`, () =>
    assert.match(whyNone(`{"samples":[],"nextCursor":null,"total":${total}}`), /\{samples, nextCursor\}: total: /));

test('http page: a next cursor must be there, and be a text or null', () => {
  for (const cursor of ['', ',"nextCursor":5', ',"nextCursor":""'])
    assert.match(whyNone(`{"samples":[]${cursor}}`), /nextCursor: /);
});

test('http page: one that would cost its reader too much is none', () =>
  assert.match(whyNone(`{"samples":[${'['.repeat(1_000_000)}`), /more than 32 levels deep/));

test.run();
