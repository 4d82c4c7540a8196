import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { graphOf, wayThrough, type MachineState } from '../../../console/statechart/graph.ts';
import { STATE_NAMES } from '../../../contracts/run-words.ts';

// As /api/v1/statechart answers it.
const machine = JSON.parse(readFileSync('docs/pipeline.json', 'utf8')) as MachineState;
const graph = graphOf(machine);
const has = (from: string, to: string) => graph.edges.some((edge) => edge.from === from && edge.to === to);

test('console: the chart has every state of the machine, with the ways between them', () => {
  assert.equal(graph.nodes.map(({ name }) => name).sort(), [...STATE_NAMES].sort());
  const ends = graph.nodes.filter(({ isFinal }) => isFinal).map(({ name }) => name);
  assert.equal(ends, ['completed', 'rejected', 'unchanged', 'failed', 'rolledBack', 'cancelled']);
  for (const [from, to] of [
    ['awaitingApproval', 'rejected'],
    ['collecting', 'unchanged'],
    ['training', 'retrying'],
    ['training', 'compensating'],
    ['verifying', 'next'],
    ['deploying', 'completed'],
    ['undone', 'failed'],
  ] as const)
    assert.ok(has(from, to), `${from} to ${to}`);
  assert.ok(!has('completed', 'next'));
  assert.ok(!has('paused', 'unchanged'));
});

test('console: the way of a run goes through states that are left at once', () => {
  const way = wayThrough(graph, ['collecting', 'training', 'retrying', 'training', 'compensating', 'failed']);
  assert.equal(
    way.map(({ from, to }) => `${from} ${to}`),
    [
      ...['collecting next', 'next training', 'training retrying', 'retrying next', 'next training'],
      ...['training compensating', 'compensating undone', 'undone failed'],
    ],
  );
});

test('console: a way of another version of the machine is drawn straight', () => {
  assert.equal(wayThrough(graph, ['completed', 'singing']), [{ from: 'completed', to: 'singing' }]);
});

test.run();
