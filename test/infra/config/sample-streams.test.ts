/** A stream that a source names is one that the collector may read, in what a server is given and nowhere else. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sampleStreamRights } from '../../../infra/access/permissions.ts';
import { authorizationOf, nscCommands } from '../../../infra/access/server-users.ts';
import { ConfigSchema } from '../../../infra/config/config.ts';
import { moreRights } from '../../../infra/config/sample-streams.ts';

const stream = (name: string, of: string) => ({ type: 'jetstream', name, stream: of });
const CONFIG = ConfigSchema.parse({
  local: { sources: [stream('badges', 'BADGES'), { type: 'directory', name: 'archive', path: '/srv' }] },
  models: {
    face: { sources: [stream('desk', 'DESK'), stream('again', 'BADGES')], strangers: [stream('street', 'STREET')] },
  },
});

test('sample streams: each that a source names is readable for the collector', () => {
  const rights = ['BADGES', 'DESK', 'STREET'].flatMap(sampleStreamRights);
  assert.equal(moreRights(CONFIG), { collector: rights });
  assert.ok(rights.includes('$JS.API.CONSUMER.CREATE.STREET.*'));
  assert.not(
    rights.some((right) => /\.(DELETE|PURGE|UPDATE)\.(?!.*\*$)/.test(right)),
    'nothing is taken from it',
  );
});

test('sample streams: they are known to the server by the names that their owners gave, for the collector alone', () => {
  const [before, after] = [{}, moreRights(CONFIG)].map((more) => authorizationOf('staging', (role) => role, [], more));
  const added = after!.split('\n').filter((line) => !before!.split('\n').includes(line));
  assert.equal(
    added.map((line) => line.trim().replaceAll('"', '')),
    ['BADGES', 'DESK', 'STREET'].flatMap(sampleStreamRights),
  );
  const users = nscCommands('staging', 'A', [], moreRights(CONFIG)).split('nsc add user');
  assert.equal(
    users.flatMap((user) => (user.includes('STREET') ? [/--name (\w+)/.exec(user)?.[1]] : [])),
    ['collector'],
  );
});

test.run();
