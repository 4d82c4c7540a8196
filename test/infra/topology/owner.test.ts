/** Whose a stream is, by its metadata. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { foreign, LAYOUT, markOf, newer, overlapping, ownershipOf } from '../../../infra/topology/owner.ts';

const LAYOUT_KEY = 'nightshift.io/layout';
const marked = (layout: number) => ({ ...markOf('staging'), [LAYOUT_KEY]: String(layout) });

test('owner: ours is what carries our mark with this namespace', () => {
  assert.is(ownershipOf('staging', { ...markOf('staging'), '_nats.level': '3' }), 'ours');
  for (const metadata of [undefined, {}, { owner: 'orders' }, markOf('production'), { [LAYOUT_KEY]: String(LAYOUT) }])
    assert.is(ownershipOf('staging', metadata), 'foreign');
});

test('owner: the layout before and the one to come are told apart, and one that is no number is neither', () => {
  assert.is(ownershipOf('staging', marked(LAYOUT - 1)), 'older');
  assert.is(ownershipOf('staging', marked(LAYOUT + 1)), 'newer');
  assert.is(ownershipOf('staging', { ...markOf('staging'), [LAYOUT_KEY]: 'x' }), 'newer');
});

test('owner: each refusal names the streams and the ways out', () => {
  assert.match(
    foreign('staging', ['staging_CTL']).message,
    /stream staging_CTL .*nats\.namespace.*move or delete that stream/,
  );
  assert.match(overlapping([{ name: 'EVENTS', subjects: ['a.>'] }]).message, /EVENTS takes a\.>.*nats\.namespace/);
  assert.match(newer('staging_CTL', marked(LAYOUT + 1)).message, /staging_CTL is of layout 3.*a newer version/);
});

test.run();
