/** The exports of the machine in docs/ are the machine. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createMachine, transition, type AnyStateMachine } from 'xstate';
import { pipelineMachine } from '../../machines/pipeline.machine.ts';
import { upcast } from '../../machines/versions.ts';
import { renderDiagram } from '../../machines/tools/diagram.ts';
import { exportedFiles } from '../../machines/tools/export.ts';
import { namedConfig } from '../../machines/tools/named-config.ts';
import { recordedRuns } from '../support/corpus.ts';
import { allEvents } from '../support/runs.ts';
import { extractMachines } from './extractor.ts';

const ROOT = join(import.meta.dirname, '../..');
const VISUALIZER = join(ROOT, 'docs/pipeline.visualizer.js');
const read = (path: string) => readFileSync(path, 'utf8');

test('machine: docs/ shows the machine as it is (npm run machine:export writes it)', async () => {
  for (const { path, text } of await exportedFiles()) assert.is(read(join(ROOT, path)), text, path);
});

test('machine: docs/pipeline.json makes a machine with the same picture', () => {
  const config = JSON.parse(read(join(ROOT, 'docs/pipeline.json'))) as object;
  assert.is(renderDiagram(createMachine(config)), renderDiagram());
});

test('machine: every function in the config has a name of its own', () => {
  const one = { a: () => 1 }.a;
  const other = { a: () => 2 }.a;
  assert.equal(namedConfig({ x: one, y: one }), { config: { x: { fn: 'a' }, y: { fn: 'a' } }, functions: ['a'] });
  assert.throws(() => namedConfig({ x: one, y: other }), /two functions in the config are called a/);
  assert.throws(() => namedConfig({ x: () => 1 }), /has no name, at x/);
});

test('machine: the file for the visualizer imports nothing but XState', () => {
  const imports = read(VISUALIZER).match(/^import .*|\bimport\(.*|\brequire\(.*/gm);
  assert.equal(imports, [`import { assign, setup } from 'xstate';`]);
});

test('machine: Stately reads out of the file for the visualizer every state, transition, guard, action and parameter', async () => {
  const [extracted, ...others] = await extractMachines(read(VISUALIZER));
  assert.is(others.length, 0);
  // The extractor gives a context back as text.
  const { context: _, ...config } = namedConfig().config as Shape;
  const { context: __, ...found } = extracted as Shape;
  assert.equal(plain(found), plain(config));
});

test('machine: the file for the visualizer decides as the machine does', async () => {
  const module = (await import(pathToFileURL(VISUALIZER).href)) as { readonly pipelineMachine: AnyStateMachine };
  const events = allEvents();
  let count = 0;
  for (const { checkpoint: recorded, decisions } of recordedRuns().flatMap(({ runs }) => runs)) {
    const checkpoint = upcast(recorded);
    for (const { happening } of decisions) {
      const timer = checkpoint.timers[happening];
      const event = timer ? { type: timer.event } : events[Number.parseInt(happening, 10)]!; // As it is recorded.
      const [theirs, ours] = [module.pipelineMachine, pipelineMachine].map((it) => decisionOf(it, checkpoint, event));
      assert.is(theirs, ours, `${checkpoint.cause} ${happening}`);
      count++;
    }
  }
  assert.ok(count > 1000);
});

function decisionOf(
  machine: AnyStateMachine,
  at: { value: unknown; context: object },
  event: { type: string },
): string {
  const before = machine.resolveState({ value: at.value as string, context: at.context });
  const [{ value, context, status }, actions] = transition(machine, before, event);
  return JSON.stringify([value, context, status, actions.map(({ type, params }) => [type, params])]);
}

type Shape = Readonly<Record<string, unknown>>;

/** A config in one form, whether as it is written or as the extractor tells it. */
function plain(state: Shape): Shape {
  const given: Record<string, unknown> = {
    ...state,
    states: state.states && mapped(state.states as Shape, (child) => plain(child as Shape)),
    on: state.on && mapped(state.on as Shape, transitions),
    after: state.after && mapped(state.after as Shape, transitions),
    always: state.always && transitions(state.always),
    entry: list(state.entry).map(action),
    tags: list(state.tags),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

const mapped = (object: Shape, change: (value: unknown) => unknown) =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
const list = (value: unknown): readonly unknown[] => (value === undefined ? [] : [value].flat());

const transitions = (value: unknown) =>
  list(value).map((it) => {
    const { target, guard, cond, actions } = (typeof it === 'string' ? { target: it } : it) as Shape;
    return { target, guard: guard ?? (cond as Shape | undefined)?.type, actions: list(actions).map(action) };
  });

function action(value: unknown): Shape {
  if (typeof value === 'string') return { type: value, params: {} };
  const { type, params = {} } = ((value as Shape).action ?? value) as Shape;
  return { type, params };
}

test.run();
