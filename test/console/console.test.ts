import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const read = (name: string) => readFileSync(`dist/console/${name}`);
/** All that a browser fetches before it asks the API. */
const BYTES_MAX = 60 * 1024;

test('console: all of it is small', () => {
  const bytes = ['index.html', 'main.js', 'main.css'].reduce((sum, name) => sum + gzipSync(read(name)).length, 0);
  console.log(`console: ${(bytes / 1024).toFixed(1)} KiB gzipped`);
  assert.ok(bytes < BYTES_MAX, `${bytes} bytes`);
});

test('console: the page has no script and no style of its own, and names nobody else', () => {
  const page = read('index.html').toString();
  assert.not.match(page, /<style|style=|<script(?![^>]*src=)|\son\w+=/);
  for (const name of ['index.html', 'main.css']) assert.not.match(read(name).toString(), /https?:\/\//);
  // Names of XML's own, and of documentation in texts of errors.
  const named =
    read('main.js')
      .toString()
      .match(/https?:\/\/[^"'`\s)]+/g) ?? [];
  assert.equal(
    named.filter((it) => !it.startsWith('http://www.w3.org/')),
    [],
  );
});

test.run();
