import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCommandOrder } from '../../../actors/orchestrator/command-order.ts';
import { createGate } from '../../support/wait.ts';

test('command order: a start waits for no start of another model, and for one of its own', async () => {
  const order = createCommandOrder();
  const gate = createGate();
  const obeyed: string[] = [];
  const first = order.start('a', () => gate.opened.then(() => obeyed.push('a1')));
  const second = order.start('a', async () => obeyed.push('a2'));
  await order.start('b', async () => obeyed.push('b1'));
  assert.equal(obeyed, ['b1']);
  gate.open();
  await Promise.all([first, second]);
  assert.equal(obeyed, ['b1', 'a1', 'a2']);
});

test('command order: any other command waits for all before it, and those after wait for it', async () => {
  const order = createCommandOrder();
  const gate = createGate();
  const obeyed: string[] = [];
  const all = [
    order.start('a', () => gate.opened.then(() => obeyed.push('start a'))),
    order.start('b', async () => obeyed.push('start b')),
    order.alone(async () => obeyed.push('cancel')),
    order.start('c', async () => obeyed.push('start c')),
  ];
  await all[1];
  gate.open();
  await Promise.all(all);
  assert.equal(obeyed, ['start b', 'start a', 'cancel', 'start c']);
});

test('command order: a command that fails does not hold up the next', async () => {
  const order = createCommandOrder();
  const failed = order.alone(() => Promise.reject(new Error('no such run')));
  assert.is(await order.start('a', async () => 'started'), 'started');
  await failed.then(assert.unreachable, (error: Error) => assert.is(error.message, 'no such run'));
});

test.run();
