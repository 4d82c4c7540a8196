import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Changes } from '../../../../services/serving/replica/changes.ts';

test('changes: a listener hears those it named, before emit returns, in the order of the subscriptions', () => {
  const changes = new Changes();
  const heard: string[] = [];
  changes.subscribe(['served', 'status'], (change) => heard.push(`first ${change}`));
  changes.subscribe(['served'], (change) => heard.push(`second ${change}`));
  changes.emit('served');
  changes.emit('status');
  changes.emit('desired');
  assert.equal(heard, ['first served', 'second served', 'first status']);
});

test('changes: a listener may emit; what follows from a change is heard before its own listeners are through', () => {
  const changes = new Changes();
  const heard: string[] = [];
  changes.subscribe(['desired'], () => changes.emit('served'));
  changes.subscribe(['desired', 'served'], (change) => heard.push(change));
  changes.emit('desired');
  assert.equal(heard, ['served', 'desired']);
});

test('changes: once unsubscribed a listener hears no more, not even of the change that is being told', () => {
  const changes = new Changes();
  const heard: string[] = [];
  changes.subscribe(['served'], () => unsubscribe());
  const unsubscribe = changes.subscribe(['served'], (change) => heard.push(change));
  changes.emit('served');
  changes.emit('served');
  assert.equal(heard, []);
});

test('changes: waiting ends at the next change of those named, and for one that does not come at the deadline', async () => {
  const changes = new Changes();
  const waiting = changes.next(['enrolled'], performance.now() + 60_000);
  changes.emit('served');
  changes.emit('enrolled');
  assert.is(await waiting, true);
  assert.is(await changes.next(['enrolled'], performance.now()), false);
});

test.run();
