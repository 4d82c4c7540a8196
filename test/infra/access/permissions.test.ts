/** The table of rights as such; test/security holds it to what happens and to what must not. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ROLES } from '../../../contracts/roles.ts';
import { ALL, STREAMS } from '../../../contracts/subjects.ts';
import {
  covers,
  mayPublish,
  maySubscribe,
  neededBy,
  PERMISSIONS,
  permissionsOfPerson,
  usesJetStream,
} from '../../../infra/access/permissions.ts';
import { authorizationOf, nscCommands } from '../../../infra/access/server-users.ts';

test('permissions: a pattern covers subjects by whole tokens, as nats-server decides it', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['a.b', 'a.b', true],
    ['a.*', 'a.b', true],
    ['a.*', 'a.b.c', false],
    ['a.>', 'a.b.c', true],
    ['a.>', 'a', false],
    ['a.*', 'a.>', false],
    ['a.>', 'a.*.>', true],
    ['a.train-*', 'a.train-start', false],
  ];
  for (const [pattern, subject, expected] of cases)
    assert.is(covers(pattern, subject), expected, `${pattern} ${subject}`);
});

test('permissions: nobody listens to the answers of all, and each listens to its own', () => {
  for (const role of ROLES) {
    assert.not.ok(maySubscribe(role, '_INBOX.>'), role);
    assert.ok(maySubscribe(role, `_INBOX_${role}.x.y`), role);
    for (const other of ROLES) {
      if (other !== role) assert.not.ok(maySubscribe(role, `_INBOX_${other}.>`), `${role} ${other}`);
    }
  }
});

test('permissions: no right is given twice, and none to everything', () => {
  for (const role of ROLES) {
    const { publish, subscribe } = PERMISSIONS[role];
    assert.is(new Set(publish).size, publish.length, role);
    assert.is(new Set(subscribe).size, subscribe.length, role);
    assert.not.ok([...publish, ...subscribe].some((it) => ['>', '$JS.>', '$JS.API.>'].includes(it)));
  }
});

test('permissions: a role waits for the streams that it reads, and takes from its own consumers', () => {
  const trainer = neededBy('trainer');
  assert.ok(trainer.streams.includes(STREAMS.events) && trainer.streams.includes('OBJ_DATASETS'));
  assert.equal(
    trainer.consumers.map(({ name, takes }) => [name, takes]),
    [
      ['train-start', true],
      ['train-control', true],
    ],
  );
  const looked = neededBy('orchestrator').consumers.filter(({ takes }) => !takes);
  assert.ok(looked.some(({ name }) => name === 'train-start'));
  assert.not.ok(usesJetStream('door'));
  assert.ok(mayPublish('orchestrator', ALL.commands));
});

test('permissions: a person commands, enrols and approves under her own name alone', () => {
  const alice = permissionsOfPerson({ who: 'alice', role: 'operator' });
  const may = (subject: string) => alice.publish.some((pattern) => covers(pattern, subject));
  for (const subject of ['ctl.pipeline.start', 'api.model.rollback', 'infer.face.approve']) {
    assert.equal([subject, may(`nightshift.${subject}`)], [subject, false]);
    assert.equal([subject, may(`nightshift.${subject}.alice`)], [subject, true]);
    assert.equal([subject, may(`nightshift.${subject}.bob`)], [subject, false]);
  }
  assert.ok(may('nightshift.api.status'));
  assert.equal(alice.subscribe, ['nightshift.evt.>', '_INBOX_alice.>']);
  const bob = permissionsOfPerson({ who: 'bob', role: 'enroller' });
  assert.ok(bob.publish.includes('nightshift.infer.*.enroll.bob'));
  assert.not.ok(bob.publish.some((pattern) => pattern.includes('approve')));
  const file = authorizationOf('nightshift', (role) => `key of ${role}`, [
    { who: 'alice', role: 'operator', key: 'key of alice' },
  ]);
  assert.match(file, /# alice\n {4}\{ nkey: key of alice, /);
});

test('permissions: the janitor gives its one command in its own name', () => {
  const commands = PERMISSIONS.janitor.publish.filter((subject) => subject.startsWith('nightshift.ctl.'));
  assert.equal(commands, ['nightshift.ctl.person.forget.janitor']);
});

test('permissions: nsc is told of every role', () => {
  const commands = nscCommands('nightshift', 'FACES');
  for (const role of ROLES) assert.match(commands, `nsc add user --account FACES --name ${role} `);
  assert.match(commands, "--allow-pub 'nightshift.infer.*.identify'");
});

test.run();
