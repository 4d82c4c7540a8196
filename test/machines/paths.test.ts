/**
 * Walks the whole model: every state that can be reached, and out of each every event that exists, through the same
 * `step` that the orchestrator uses, with a JSON round trip between any two steps.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { getShortestPaths } from 'xstate/graph';
import { pipelineMachine, type PipelineEvent, type PipelineInput } from '../../machines/pipeline.machine.ts';
import { firstCheckpoint, statePath, step, stepTimer, type Checkpoint, type Effect } from '../../machines/step.ts';
import { pairOf } from '../support/deployments.ts';
import {
  allEvents,
  blobRef,
  nightInput,
  PAST,
  pipelineConfig,
  REJECTED,
  UNCHANGED,
  verified,
} from '../support/runs.ts';

const NOW = new Date('2026-01-01T02:00:00Z');
const FINAL = ['completed', 'rejected', 'unchanged', 'failed', 'rolledBack', 'cancelled'];
const json = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

interface Walk {
  readonly events: readonly string[];
  readonly checkpoint: Checkpoint;
  /** Effects of the whole walk, in order. */
  readonly effects: readonly Effect[];
}

/** The key under which two checkpoints behave the same from here on. */
const behaviour = (c: Checkpoint) => {
  const { stage, attempt, extensions, outcome, paused, approved, undoAttempt, plan } = c.context;
  const undo = plan.map(({ status }) => status);
  return JSON.stringify([statePath(c.value), stage, attempt, extensions, outcome, paused, approved, undoAttempt, undo]);
};

const begin = (input: PipelineInput): Walk => {
  const checkpoint = json(firstCheckpoint(input, 'start', NOW));
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

interface Model {
  /** One walk to each checkpoint that behaves differently, with every step that leads on from there. */
  readonly nodes: readonly { readonly walk: Walk; readonly next: readonly Walk[] }[];
  /** Every transition of the model, each once. */
  readonly walks: readonly Walk[];
}

function walkAll(input: PipelineInput): Model {
  const first = begin(input);
  const reached = new Map([[behaviour(first.checkpoint), first]]);
  const nodes: Model['nodes'][number][] = [];
  for (const walk of reached.values()) {
    const next = [...successors(walk)];
    nodes.push({ walk, next });
    for (const step of next) {
      const key = behaviour(step.checkpoint);
      if (!reached.has(key)) reached.set(key, step);
    }
  }
  return { nodes, walks: [first, ...nodes.flatMap(({ next }) => next)] };
}

/** A run that goes on from another's verified candidate, where a person is asked; the stages before are not repeated. */
const forkInput = (onTimeout: 'reject' | 'approve') =>
  nightInput({
    pipeline: pipelineConfig({
      retry: { attemptsMax: 2 },
      deployment: { approval: { required: true, onTimeout } },
    }),
    forkedFrom: {
      ...REJECTED,
      verification: verified('r0.verify.1', 'blessed'),
    },
  });

const night = walkAll(nightInput());
const forks = [walkAll(forkInput('reject')), walkAll(forkInput('approve'))];
const target = { ...pairOf('r0'), origin: { release: 1, runId: 'r0' } };
const canary = walkAll(
  nightInput({
    champion: pairOf('r0'),
    pipeline: pipelineConfig({ retry: { attemptsMax: 1 }, deployment: { strategy: 'canary' } }),
  }),
);
const reload = walkAll(nightInput({ kind: 'rollback', target }));
const same = walkAll(nightInput({ unchangedContent: UNCHANGED, lastVerdict: 'r0' }));
const blessing = { by: 'Ada', reason: 'the cameras were exchanged' };
const blessed = walkAll({ ...forkInput('reject'), forkedFrom: REJECTED, blessing });
const models = [night, walkAll(nightInput({ kind: 'rollback' })), reload, canary, ...forks, same, blessed];
const nights = night.walks;
const nodes = models.flatMap((model) => model.nodes);
const reloads = reload.walks;
const canaries = canary.walks;
const walks = models.flatMap((model) => model.walks);
const deployments = (walk: Walk) => walk.effects.flatMap((e) => (e.kind === 'deployment' ? [e.change] : []));
const stateOf = (walk: Walk) => statePath(walk.checkpoint.value);
const say = (walk: Walk) => `${walk.events.join(' > ')} => ${stateOf(walk)}`;

test('machine: every end and every state of the model is reached', () => {
  const seen = new Set(walks.map(stateOf));
  const missing = leavesOf(pipelineMachine.root).filter((leaf) => !seen.has(leaf));
  assert.equal(missing, []);
});

/** `collecting.working.beating`: the states without states in them, but those that are left at once. */
function leavesOf(node: {
  path: string[];
  states: object;
  always?: readonly { guard?: unknown }[] | undefined;
}): string[] {
  // StateNode's type parameters do not matter for reading its structure.
  const children = Object.values(node.states) as (typeof node)[];
  if (children.length > 0) return children.flatMap(leavesOf);
  const isLeftAtOnce = node.always?.some(({ guard }) => guard === undefined) ?? false;
  return isLeftAtOnce ? [] : [node.path.join('.')];
}

test('machine: no state is a dead end', () => {
  for (const { walk, next } of nodes) {
    if (walk.checkpoint.status === 'done') continue;
    assert.ok(next.length > 0, say(walk));
  }
});

test('machine: a run that has ended has no timer armed and takes no event', () => {
  for (const { walk, next } of nodes.filter((node) => FINAL.includes(stateOf(node.walk)))) {
    assert.is(walk.checkpoint.status, 'done', say(walk));
    assert.equal(walk.checkpoint.timers, {}, say(walk));
    assert.is(next.length, 0, say(walk));
  }
});

/** A run that waits for a person has no deadline; a stage that is held has none either, nor the moment of the last look. */
const PATIENT = [
  'needsOperator',
  'paused',
  'deploying.guarding.judging',
  'collecting.held',
  'training.held',
  'verifying.held',
];

test('machine: waiting for a worker or a replica always has a deadline, and a paused run has none', () => {
  for (const walk of walks.filter(({ checkpoint }) => checkpoint.status === 'active')) {
    const timers = Object.keys(walk.checkpoint.timers);
    assert.is(timers.length === 0, PATIENT.includes(stateOf(walk)), `${say(walk)}: ${timers.join(', ')}`);
  }
});

test('machine: a paused run begins nothing until it is resumed, and loses nothing that is finished meanwhile', () => {
  const begun = (walk: Walk) => walk.effects.filter((e) => e.kind === 'command' && e.verb === 'start').length;
  for (const { walk, next } of nodes.filter((node) => node.walk.checkpoint.context.paused)) {
    for (const step of next.filter(({ checkpoint }) => checkpoint.context.paused)) {
      assert.is(begun(step), begun(walk), say(step));
    }
    const { dataset, candidate } = walk.checkpoint.context;
    if (stateOf(walk) !== 'paused') continue;
    const resumed = next.find(({ events }) => events.at(-1) === 'operator.resume')!;
    assert.equal([resumed.checkpoint.context.dataset, resumed.checkpoint.context.candidate], [dataset, candidate]);
    assert.is.not(stateOf(resumed), 'paused', say(resumed));
  }
});

test('machine: where a person has to agree, nothing is announced before; silence counts as configured', () => {
  const [rejecting, approving] = forks.map(({ nodes }) =>
    nodes.find(({ walk }) => stateOf(walk) === 'awaitingApproval')!,
  );
  for (const { walks } of forks) {
    for (const walk of walks.filter((w) => deployments(w).includes('announce')))
      assert.ok(walk.checkpoint.context.approved);
  }
  const silent = (node: Model['nodes'][number]) =>
    node.next.find(({ events }) => events.at(-1)?.startsWith('xstate.after'));
  assert.is(stateOf(silent(rejecting!)!), 'rejected');
  assert.is(silent(rejecting!)?.checkpoint.context.failure?.code, 'APPROVAL_DENIED');
  assert.is(stateOf(silent(approving!)!), 'deploying.preparing');
});

test('machine: the plan of compensation is written at the start and carried out in its order', () => {
  const undo = ['roll back', 'withdraw', 'stop verify', 'stop train', 'stop collect'];
  assert.equal(
    nights[0]?.checkpoint.context.plan.map((step) => step.undo),
    undo,
  );
  for (const walk of nights.filter(({ checkpoint }) => checkpoint.status === 'done')) {
    const gaveUp = walk.events.at(-1) === 'operator.cancel' && walk.checkpoint.context.undoFailure !== null;
    const due = walk.checkpoint.context.plan.filter(({ status }) => status === 'due');
    assert.is(due.length > 0, gaveUp, `${say(walk)}: ${JSON.stringify(due)}`);
  }
});

test('machine: a compensation that fails is tried again, then left to an operator, whose resume goes on with it', () => {
  for (const { walk, next } of nodes.filter((node) => stateOf(node.walk) === 'needsOperator')) {
    const { undoAttempt, pipeline } = walk.checkpoint.context;
    assert.is(undoAttempt, pipeline.retry.attemptsMax, say(walk));
    assert.ok(walk.checkpoint.context.undoFailure, say(walk));
    const resumed = next.find(({ events }) => events.at(-1) === 'operator.resume');
    assert.match(stateOf(resumed!), /^(rollingBack|withdrawing)$/);
  }
});

test('machine: nothing is committed without a verification that admits it and prepared replicas', () => {
  for (const walk of nights.filter((w) => deployments(w).includes('commit'))) {
    const prepared = walk.events.indexOf('deploy.prepared');
    assert.ok(prepared > walk.events.indexOf('verify.completed'), say(walk));
    assert.is(walk.checkpoint.context.verification?.admitted, true, say(walk));
  }
});

test('machine: an inconclusive candidate goes on if it is admitted, and is rejected if not', () => {
  const judged = nights.filter(
    (w) => w.events.at(-1) === 'verify.completed' && w.checkpoint.context.verification?.verdict === 'inconclusive',
  );
  const ends = (admitted: boolean) =>
    new Set(judged.filter((w) => w.checkpoint.context.verification?.admitted === admitted).map(stateOf));
  assert.equal([...ends(false)], ['rejected']);
  assert.equal([...ends(true)].sort(), ['deploying.preparing', 'paused']);
});

test('machine: a night with the data of the last verdict ends unchanged and trains nothing, any other goes on', () => {
  const content = (w: Walk) => w.checkpoint.context.content;
  const collected = same.walks.filter((w) => w.events.at(-1) === 'collect.completed' && stateOf(w) !== 'cancelled');
  const ended = collected.filter((w) => stateOf(w) === 'unchanged');
  assert.ok(ended.length > 0 && ended.every((w) => content(w) === UNCHANGED && w.checkpoint.context.dataset !== null));
  for (const walk of ended) {
    const starts = walk.effects.flatMap((e) => (e.kind === 'command' && e.verb === 'start' ? [e.stage] : []));
    assert.equal([...new Set(starts)], ['collect'], say(walk));
    const facts = walk.effects.flatMap((e) => (e.kind === 'fact' ? [e.fact] : []));
    assert.is(facts.at(-1), 'unchanged');
  }
  const others = collected.filter((w) => content(w) === null && w.checkpoint.context.dataset !== null);
  assert.ok(others.some((w) => stateOf(w) === 'training.working.beating'));
  assert.not.ok(others.some((w) => stateOf(w) === 'unchanged'));
  assert.not.ok(
    nights.some((w) => stateOf(w) === 'unchanged'),
    'without a last verdict the same content is new',
  );
});

test('machine: a blessed candidate is deployed without a second approval, with its dataset in the pair', () => {
  const [first] = blessed.walks;
  assert.is(stateOf(first!), 'deploying.preparing');
  const announced = first?.effects.find((e) => e.kind === 'deployment');
  assert.equal(announced?.kind === 'deployment' && announced.pair, {
    model: REJECTED.candidate,
    gallery: REJECTED.verification?.gallery,
    golden: REJECTED.verification?.golden,
    runId: 'r1',
    dataset: REJECTED.dataset,
  });
});

test('machine: a pair is announced with the file that finds faces, if the candidate was trained on faces', () => {
  const faces = blobRef('MODELS', 'faces');
  const verification = { ...REJECTED.verification!, faces };
  const { walks } = walkAll({ ...forkInput('reject'), forkedFrom: { ...REJECTED, verification }, blessing });
  const announced = walks[0]?.effects.find((e) => e.kind === 'deployment');
  assert.equal(announced?.kind === 'deployment' && announced.pair?.faces, faces);
});

test('machine: collectors are told the champion, verifiers the decision and the releases before', () => {
  const history = [PAST];
  const champion = pairOf('r0');
  const { walks } = walkAll(nightInput({ champion, history, pipeline: pipelineConfig({ retry: { attemptsMax: 1 } }) }));
  const starts = walks.flatMap((w) =>
    w.effects.flatMap((e) => (e.kind === 'command' && e.verb === 'start' ? [e] : [])),
  );
  const dataOf = (stage: string) => starts.find((e) => e.stage === stage)?.data as Record<string, unknown>;
  assert.equal(dataOf('collect')['champion'], champion);
  assert.equal(dataOf('verify')['decision'], pipelineConfig().decision);
  assert.equal(dataOf('verify')['history'], history);
});

test('machine: a stage that fails leaves the deployment untouched and later stages un-entered', () => {
  const early = nights.filter((w) => stateOf(w) === 'failed' && !w.events.includes('verify.completed'));
  assert.ok(early.length >= 3);
  for (const walk of early) {
    assert.equal(deployments(walk), [], say(walk));
    const started = walk.effects.flatMap((e) => (e.kind === 'command' && e.verb === 'start' ? [e.stage] : []));
    const { dataset, candidate } = walk.checkpoint.context;
    const entered = 1 + Number(dataset !== null) + Number(candidate !== null);
    assert.is(new Set(started).size, entered, say(walk));
  }
});

test('machine: a candidate that was announced is committed and kept, or taken back', () => {
  for (const walk of nights.filter((w) => deployments(w).includes('announce') && w.checkpoint.status === 'done')) {
    const changes = deployments(walk);
    const undone = changes.includes('rollBack') || changes.includes('withdraw');
    assert.is(undone, stateOf(walk) !== 'completed', `${say(walk)}: ${changes.join(', ')}`);
  }
});

test('machine: a canary is tried after it is prepared, and committed only out of the canary', () => {
  assert.ok(canaries.some((walk) => stateOf(walk) === 'deploying.canary.judging'));
  for (const walk of canaries.filter((w) => deployments(w).includes('commit'))) {
    assert.equal(deployments(walk).slice(0, 3), ['announce', 'startCanary', 'commit'], say(walk));
    assert.ok(walk.events.filter((event) => event === 'deploy.prepared').length >= 2, say(walk));
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
  for (const { walk, next } of night.nodes) {
    const again = [...successors(walk)].map((w) => JSON.stringify(w.checkpoint));
    assert.equal(
      next.map((w) => JSON.stringify(w.checkpoint)),
      again,
      say(walk),
    );
  }
});

test('machine: back-offs double, differ by run and stage, and are the same in a replay', () => {
  const waits = ['r1', 'r2', 'r3'].map((runId) => {
    const input = nightInput({ runId, pipeline: pipelineConfig({ retry: { attemptsMax: 3, backoffMs: 10_000 } }) });
    const failed = (c: Checkpoint, attempt: number) =>
      step(
        c,
        `f${attempt}`,
        {
          type: 'collect.failed',
          commandId: `${runId}.collect.${attempt}`,
          failure: { code: 'INTERNAL', message: '', retryable: true },
        },
        NOW,
      )!;
    const first = failed(firstCheckpoint(input, 'start', NOW), 1);
    const [timerId, timer] = Object.entries(first.timers)[0]!;
    const second = failed(stepTimer(first, timerId, timer.armedAt, NOW)!, 2);
    return [first, second].map(waitOf);
  });
  for (const [first, second] of waits) {
    assert.ok(first! > 5_000 && first! <= 10_000, String(first));
    assert.ok(second! > 10_000 && second! <= 20_000, String(second));
  }
  assert.is(new Set(waits.flat()).size, 6, JSON.stringify(waits));
});

const waitOf = (checkpoint: Checkpoint) => {
  const timer = checkpoint.outbox.find((effect) => effect.kind === 'timer.set');
  return timer?.kind === 'timer.set' ? Date.parse(timer.dueAt) - NOW.getTime() : null;
};

test('machine: XState itself finds no state that step does not', () => {
  const events = [...allEvents(), ...afterEvents()];
  const paths = getShortestPaths(pipelineMachine, {
    input: nightInput(),
    events,
    limit: 200_000,
    stopWhen: ({ status }) => status !== 'active',
    serializeState: ({ value, context: c }) =>
      JSON.stringify([value, c.stage, c.attempt, c.extensions, c.outcome, c.paused, c.undoAttempt]) as never,
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
