/**
 * Walks the whole model: every state that can be reached, and out of each every event that exists, through the same
 * `step` that the orchestrator uses, with a JSON round trip between any two steps.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { getShortestPaths } from 'xstate/graph';
import { pipelineMachine, type PipelineEvent, type PipelineInput } from '../../machines/pipeline.machine.ts';
import { startRun, statePath, step, stepTimer, type Checkpoint, type Effect } from '../../machines/step.ts';
import { pairOf } from '../support/deployments.ts';
import { allEvents, nightInput, pipelineConfig } from '../support/runs.ts';

const NOW = new Date('2026-01-01T02:00:00Z');
const FINAL = ['completed', 'rejected', 'failed', 'rolledBack', 'cancelled'];
const json = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

interface Walk {
  readonly events: readonly string[];
  readonly checkpoint: Checkpoint;
  /** Effects of the whole walk, in order. */
  readonly effects: readonly Effect[];
}

/** The key under which two checkpoints behave the same from here on. */
const behaviour = (c: Checkpoint) => {
  const { stage, attempt, extensions, outcome } = c.context;
  return JSON.stringify([statePath(c.value), stage, attempt, extensions, outcome]);
};

const begin = (input: PipelineInput): Walk => {
  const checkpoint = json(startRun(input, 'start', NOW));
  return { events: [], checkpoint, effects: checkpoint.outbox };
};

function* successors(walk: Walk): Generator<Walk> {
  const { checkpoint, events } = walk;
  const id = `m${checkpoint.transition}`;
  const next = (name: string, result: Checkpoint | null): Walk | null =>
    result && { events: [...events, name], checkpoint: json(result), effects: [...walk.effects, ...result.outbox] };
  for (const event of allEvents()) {
    const walked = next(event.type, step(checkpoint, id, event, NOW));
    if (walked) yield walked;
  }
  for (const [timerId, timer] of Object.entries(checkpoint.timers)) {
    const walked = next(timer.event, stepTimer(checkpoint, timerId, timer.armedAt, NOW));
    if (walked) yield walked;
  }
}

function walkAll(input: PipelineInput): Walk[] {
  const first = begin(input);
  const reached = new Map([[behaviour(first.checkpoint), first]]);
  const walks = [first];
  for (const walk of reached.values()) {
    for (const next of successors(walk)) {
      walks.push(next);
      const key = behaviour(next.checkpoint);
      if (!reached.has(key)) reached.set(key, next);
    }
  }
  return walks;
}

const nights = walkAll(nightInput());
const rollbacks = walkAll(nightInput({ kind: 'rollback' }));
const target = { ...pairOf('r0'), origin: { epoch: 1, runId: 'r0' } };
const reloads = walkAll(nightInput({ kind: 'rollback', target }));
const trials = walkAll(
  nightInput({
    champion: pairOf('r0'),
    pipeline: pipelineConfig({ retry: { attemptsMax: 1 }, deployment: { strategy: 'canary' } }),
  }),
);
const walks = [...nights, ...rollbacks, ...reloads, ...trials];
const deployments = (walk: Walk) => walk.effects.flatMap((e) => (e.kind === 'deployment' ? [e.change] : []));
const stateOf = (walk: Walk) => statePath(walk.checkpoint.value);
const say = (walk: Walk) => `${walk.events.join(' > ')} => ${stateOf(walk)}`;

test('machine: every end and every state of the model is reached', () => {
  const seen = new Set(walks.map(stateOf));
  for (const end of [...FINAL, 'needsOperator', 'retrying', 'deploying.guarding.judging', 'compensating.stopping']) {
    assert.ok(seen.has(end), `${end} was never reached`);
  }
});

test('machine: no state is a dead end', () => {
  for (const walk of walks) {
    if (walk.checkpoint.status === 'done') continue;
    assert.ok([...successors(walk)].length > 0, say(walk));
  }
});

test('machine: a run that has ended has no timer armed and takes no event', () => {
  for (const walk of walks.filter((w) => FINAL.includes(stateOf(w)))) {
    assert.is(walk.checkpoint.status, 'done', say(walk));
    assert.equal(walk.checkpoint.timers, {}, say(walk));
    assert.is([...successors(walk)].length, 0, say(walk));
  }
});

test('machine: waiting for a worker or a replica always has a deadline', () => {
  for (const walk of walks) {
    if (walk.checkpoint.status === 'done' || ['needsOperator', 'deploying.guarding.judging'].includes(stateOf(walk)))
      continue;
    assert.ok(Object.keys(walk.checkpoint.timers).length > 0, say(walk));
  }
});

test('machine: nothing is committed without a passed verification and prepared replicas', () => {
  for (const walk of nights.filter((w) => deployments(w).includes('commit'))) {
    const prepared = walk.events.indexOf('deployment.prepared');
    assert.ok(prepared > walk.events.indexOf('verification.completed'), say(walk));
    assert.is(walk.checkpoint.context.verification?.verdict, 'passed', say(walk));
  }
});

test('machine: a stage that fails leaves the deployment untouched and later stages un-entered', () => {
  const early = nights.filter((w) => stateOf(w) === 'failed' && !w.events.includes('verification.completed'));
  assert.ok(early.length >= 3);
  for (const walk of early) {
    assert.equal(deployments(walk), [], say(walk));
    const started = walk.effects.flatMap((e) => (e.kind === 'command' && e.verb === 'start' ? [e.noun] : []));
    const { dataset, candidate } = walk.checkpoint.context;
    const entered = 1 + Number(dataset !== null) + Number(candidate !== null);
    assert.is(new Set(started).size, entered, say(walk));
  }
});

test('machine: a candidate that was announced is committed and kept, or taken back', () => {
  for (const walk of nights.filter((w) => deployments(w).includes('announce') && w.checkpoint.status === 'done')) {
    const changes = deployments(walk);
    const undone = changes.includes('rollBack') || changes.includes('withdraw');
    assert.is(undone, stateOf(walk) !== 'completed', `${say(walk)}: ${changes}`);
  }
});

test('machine: a canary is tried after it is prepared, and committed only out of the trial', () => {
  assert.ok(trials.some((walk) => stateOf(walk) === 'deploying.trying.judging'));
  for (const walk of trials.filter((w) => deployments(w).includes('commit'))) {
    assert.equal(deployments(walk).slice(0, 3), ['announce', 'try', 'commit'], say(walk));
    assert.ok(walk.events.filter((event) => event === 'deployment.prepared').length >= 2, say(walk));
  }
});

test('machine: a rollback to a retained pair is prepared and committed, and never guarded', () => {
  const ends = new Set(reloads.filter(({ checkpoint }) => checkpoint.status === 'done').map(stateOf));
  assert.equal([...ends].sort(), ['cancelled', 'failed', 'rolledBack']);
  for (const walk of reloads) {
    assert.not.ok(stateOf(walk).includes('guarding'), say(walk));
    const announced = walk.effects.find((e) => e.kind === 'deployment');
    assert.equal(announced?.kind === 'deployment' && announced.pair, target, say(walk));
  }
});

test('machine: work that is under way when a run is given up is told to stop', () => {
  for (const walk of nights.filter((w) => stateOf(w) === 'compensating.stopping')) {
    const last = walk.effects.filter((e) => e.kind === 'command').at(-1);
    assert.is(last?.kind === 'command' && last.verb, 'cancel', say(walk));
  }
});

test('machine: attempts are bounded', () => {
  for (const walk of walks) assert.ok(walk.checkpoint.context.attempt <= 2, say(walk));
});

test('machine: the same event on the same checkpoint gives the same checkpoint', () => {
  for (const walk of nights) {
    const again = [...successors(walk)].map((w) => w.checkpoint);
    assert.equal(
      [...successors(walk)].map((w) => w.checkpoint),
      again,
      say(walk),
    );
  }
});

test('machine: XState itself finds no state that step does not', () => {
  const events = [...allEvents(), ...afterEvents()];
  const paths = getShortestPaths(pipelineMachine, {
    input: nightInput(),
    events,
    limit: 20_000,
    serializeState: ({ value, context: c }) =>
      JSON.stringify([value, c.stage, c.attempt, c.extensions, c.outcome]) as never,
  });
  const byXState = new Set(paths.map(({ state }) => statePath(state.value)));
  const byStep = new Set(nights.map(stateOf));
  assert.equal([...byXState].sort(), [...byStep].sort());
});

/** The model's delayed transitions as events; they are not part of its event type. */
function afterEvents(): PipelineEvent[] {
  return pipelineMachine.events
    .filter((type) => String(type).startsWith('xstate.after'))
    .map((type) => ({ type }) as unknown as PipelineEvent);
}

console.log(`${walks.length} transitions walked, ${new Set(walks.map(stateOf)).size} states reached`);
test.run();
