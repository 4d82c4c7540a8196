/** The flags of the processes that requests wait for: Node of this version takes them, and no other process has them. */
import { once } from 'node:events';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ACTORS, SERVING } from '../../actors/names.ts';
import { SHORT_PAUSES } from '../../runtime/garbage.ts';
import { startPart } from '../../runtime/processes.ts';

async function ended(name: string, isServing: boolean) {
  const part = startPart('cli/actor.process', { name, isServing, env: process.env });
  const exit = once(part, 'exit');
  part.send({ type: 'stop', graceMs: 1_000 });
  part.stdout.resume();
  let words = '';
  part.stderr.on('data', (bytes: Buffer) => (words += bytes.toString()));
  const [code] = (await exit) as [number | null];
  return { code, words, flags: part.spawnargs };
}

test('processes: one that requests wait for takes the flags of short pauses, and no other has them', async () => {
  const serving = await ended('gateway', true);
  assert.equal([serving.code, serving.words], [0, '']);
  for (const flag of SHORT_PAUSES) assert.ok(serving.flags.includes(flag), flag);
  const working = await ended('janitor', false);
  assert.equal([working.code, working.words], [0, '']);
  for (const flag of SHORT_PAUSES) assert.not(working.flags.includes(flag), flag);
});

test('processes: requests wait for the replicas and for the gateway', () => {
  assert.equal(
    ACTORS.filter((name) => SERVING.has(name)),
    ['inference', 'gateway'],
  );
});

test.run();
