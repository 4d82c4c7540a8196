import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { windowOf } from '../../../console/parts/window-of.ts';

const [HEIGHT, ROW] = [600, 50];

test('console: of a thousand rows those are in the page that are seen, wherever it is scrolled', () => {
  for (let scrolled = 0; scrolled <= 1_000 * ROW - HEIGHT; scrolled += 37) {
    const { from, to } = windowOf(scrolled, HEIGHT, ROW, 1_000);
    assert.ok(from * ROW <= scrolled && to * ROW >= scrolled + HEIGHT, `${scrolled}: ${from} to ${to}`);
    assert.ok(to - from <= 30);
  }
});

test('console: a short list is whole, and one that shrank while scrolled down shows its end', () => {
  assert.equal(windowOf(0, HEIGHT, ROW, 3), { from: 0, to: 3 });
  assert.equal(windowOf(0, HEIGHT, ROW, 0), { from: 0, to: 0 });
  const { from, to } = windowOf(40_000, HEIGHT, ROW, 20);
  assert.ok(from < 20);
  assert.is(to, 20);
});

test.run();
