/** What `setup` would change, decided without a server. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { applied, changeOf, inWords } from '../../../infra/topology/plan.ts';
import { markOf } from '../../../infra/topology/owner.ts';
import { streamsOf } from '../../../infra/topology/streams.ts';

const NAME = 'stream nightshift_EVENTS';
const HAS = { name: 'EVENTS', num_replicas: 3, max_bytes: 1_000, max_age: 0, max_msgs: -1, subjects: ['b', 'a'] };
const planned = (wants: object, force = false) => changeOf(NAME, HAS, { ...wants }, force);

test('plan: a stream that is not there is made, and one that is as wanted is left alone', () => {
  assert.equal(changeOf(NAME, null, HAS, false), { kind: 'make', what: NAME, fields: [] });
  assert.is(
    planned({ num_replicas: 3, subjects: ['a', 'b'], allow_rollup_hdrs: false, max_consumers: undefined }),
    null,
  );
});

test('plan: a server that adds metadata of its own has not changed the mark', () => {
  const metadata = { ...markOf('nightshift'), '_nats.level': '1', team: 'faces' };
  assert.is(changeOf(NAME, { metadata }, { metadata: markOf('nightshift') }, false), null);
  assert.ok(changeOf(NAME, { metadata }, { metadata: markOf('staging') }, false));
});

test('plan: copies, limits and ages are lowered by force alone, and a limit where there was none is lower', () => {
  for (const lower of [{ num_replicas: 1 }, { max_bytes: 999 }, { max_age: 1 }, { max_msgs: 5 }]) {
    const change = planned(lower)!;
    assert.equal([change.fields.map(({ isKept }) => isKept), applied(change)], [[true], {}]);
    assert.equal(applied(planned(lower, true)!), lower);
  }
});

test('plan: what is raised is changed, beside what is kept', () => {
  const change = planned({ num_replicas: 5, max_bytes: -1, max_age: 10e9, discard: 'new' })!;
  assert.equal(applied(change), { num_replicas: 5, max_bytes: -1, discard: 'new' });
  assert.equal(change.fields.map(inWords), [
    'num_replicas: 3 -> 5',
    'max_bytes: 1000 -> -1',
    'max_age: 0 s -> 10 s',
    'discard: none -> new',
  ]);
});

test('plan: a stream that denied deleting goes on denying it, also by force', () => {
  const change = changeOf(NAME, { deny_delete: true }, { deny_delete: false }, true)!;
  assert.equal(applied(change), {});
});

test('plan: the table of one copy never lowers that of three', () => {
  const three = streamsOf({ replicas: 3 });
  for (const [index, one] of streamsOf({ replicas: 1 }).entries()) {
    const change = changeOf(one.name, { ...three[index] }, { ...one }, false)!;
    assert.equal([change.fields.map(({ field }) => field), applied(change)], [['num_replicas'], {}], one.name);
  }
});

test.run();
