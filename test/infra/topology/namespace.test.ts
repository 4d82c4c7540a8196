/** Logical and wire names: each of ours has one of the other, and another namespace's has none. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ROLES } from '../../../contracts/roles.ts';
import { BUCKETS, STREAMS } from '../../../contracts/subjects.ts';
import { PERMISSIONS } from '../../../infra/access/permissions.ts';
import { CONSUMER_SPECS } from '../../../infra/topology/consumers.ts';
import {
  localName,
  localStream,
  localSubject,
  NAMESPACE,
  wireName,
  wireStream,
  wireSubject,
} from '../../../infra/topology/namespace.ts';
import { streamsOf } from '../../../infra/topology/streams.ts';

const STAGING = 'staging-2';
const SUBJECTS: readonly (readonly [logical: string, wire: string])[] = [
  ['nightshift.evt.train.completed.r1', 'staging-2.evt.train.completed.r1'],
  ['nightshift.evt.>', 'staging-2.evt.>'],
  ['$KV.RUNS.run.r1', '$KV.staging-2_RUNS.run.r1'],
  ['$O.MODELS.C.x', '$O.staging-2_MODELS.C.x'],
  ['$JS.API.STREAM.INFO.EVENTS', '$JS.API.STREAM.INFO.staging-2_EVENTS'],
  ['$JS.API.STREAM.MSG.GET.KV_RUNS', '$JS.API.STREAM.MSG.GET.KV_staging-2_RUNS'],
  ['$JS.API.DIRECT.GET.OBJ_MODELS', '$JS.API.DIRECT.GET.OBJ_staging-2_MODELS'],
  [
    '$JS.API.CONSUMER.MSG.NEXT.COMMANDS.train-start',
    '$JS.API.CONSUMER.MSG.NEXT.staging-2_COMMANDS.staging-2_train-start',
  ],
  ['$JS.API.CONSUMER.CREATE.KV_RUNS.*.$KV.RUNS.>', '$JS.API.CONSUMER.CREATE.KV_staging-2_RUNS.*.$KV.staging-2_RUNS.>'],
  ['$JS.ACK.CTL.orchestrator-ctl.>', '$JS.ACK.staging-2_CTL.staging-2_orchestrator-ctl.>'],
  ['$JS.FC.KV_RUNS.>', '$JS.FC.KV_staging-2_RUNS.>'],
  ['$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.CTL.*', '$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.staging-2_CTL.*'],
  ['$SRV.PING.nightshift', '$SRV.PING.staging-2'],
  ['$SRV.STATS.trainer.x1', '$SRV.STATS.staging-2_trainer.x1'],
  ['_INBOX_trainer.>', '_INBOX_staging-2_trainer.>'],
];

test('namespace: a subject has one wire name, and that leads back to it', () => {
  for (const [logical, wire] of SUBJECTS) {
    assert.is(wireSubject(STAGING, logical), wire);
    assert.is(localSubject(STAGING, wire), logical);
  }
});

test('namespace: all rights have a namespace in them but for the questions to the whole server', () => {
  const whole = /^\$JS\.API\.(INFO|STREAM\.LIST)$|^\$SRV\.\*$/;
  for (const role of ROLES) {
    const { publish, subscribe } = PERMISSIONS[role];
    for (const right of [...publish, ...subscribe].filter((it) => !whole.test(it))) {
      const wire = wireSubject(STAGING, right);
      assert.match(wire, STAGING, right);
      assert.is(localSubject(STAGING, wire), right);
    }
  }
});

test('namespace: a name of another namespace, or of a stranger, is not taken for ours', () => {
  const others = ['production.evt.x.y', '$KV.production_RUNS.run.1', '$SRV.PING', '_INBOX.x.1', 'orders.created', '>'];
  for (const subject of others) assert.is(localSubject(STAGING, subject), subject);
  assert.is(localSubject(STAGING, wireSubject('staging', 'nightshift.ctl.x')), 'staging.ctl.x');
});

test('namespace: streams, buckets and consumers come back, too', () => {
  const streams = streamsOf({ replicas: 1 }).map(({ name }) => name);
  for (const name of streams) assert.is(localStream(wireStream(STAGING, name)), name);
  const consumers = CONSUMER_SPECS.map(({ config }) => config.durable_name);
  for (const name of [...Object.values(BUCKETS), ...consumers]) assert.is(localName(wireName(STAGING, name)), name);
  assert.is(wireStream('nightshift', STREAMS.events), 'nightshift_EVENTS');
});

test('namespace: letters, digits and dashes', () => {
  for (const good of ['nightshift', 'a', 'team-7', 'x'.repeat(32)]) assert.ok(NAMESPACE.test(good), good);
  for (const bad of ['', 'Staging', 'a_b', 'a.b', '-a', 'a-', '7a', 'a b', '>', 'x'.repeat(33)])
    assert.not.ok(NAMESPACE.test(bad), bad);
});

test.run();
