/** The spans of a run out of its transitions, as pure values. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spansEndedBy, triggerSpan } from '../../../actors/orchestrator/run-spans.ts';
import type { Span } from '../../../infra/telemetry/tracer.ts';
import type { PipelineEvent } from '../../../machines/pipeline.machine.ts';
import { firstCheckpoint, statePath, step, stepTimer, type Checkpoint } from '../../../machines/step.ts';
import { deploySpanId, runSpanId, stageSpanId, traceIdOf } from '../../../runtime/trace-context.ts';
import { allEvents, nightInput, pipelineConfig } from '../../support/runs.ts';

const SECOND_MS = 1_000;
/** Of the first transition; each takes a second. */
const START_MS = Date.UTC(2026, 10, 26, 2);
const at = (transition: number) => new Date(START_MS + SECOND_MS * (transition - 1));

type Move = { readonly timer: string } | { readonly event: PipelineEvent };
const event = (type: PipelineEvent['type'], id?: string, fits = (_: PipelineEvent) => true): Move => ({
  event: allEvents().find((it) => it.type === type && (!('commandId' in it) || it.commandId === id) && fits(it))!,
});
const timer = (name: string): Move => ({ timer: name });

function walk(moves: readonly Move[], deployment: object = {}): Checkpoint[] {
  const pipeline = pipelineConfig({ retry: { attemptsMax: 2 }, deployment });
  const all = [firstCheckpoint(nightInput({ pipeline }), 'm1', at(1), 'ann')];
  for (const move of moves) {
    const before = all.at(-1)!;
    const now = at(all.length + 1);
    const next = 'event' in move ? step(before, `m${all.length + 1}`, move.event, now) : fire(before, move.timer, now);
    if (!next) throw new Error(`${JSON.stringify(move)} moves nothing in ${statePath(before.value)}`);
    all.push(next);
  }
  return all;
}

function fire(checkpoint: Checkpoint, name: string, now: Date): Checkpoint | null {
  const [timerId, armed] = Object.entries(checkpoint.timers).find(([, it]) => it.event.includes(`.${name}.`))!;
  return stepTimer(checkpoint, timerId, armed.armedAt, now);
}

/** As an orchestrator tells them, one transition after the other. */
const spansOf = (all: readonly Checkpoint[]): Span[] =>
  all.flatMap((_, index) => spansEndedBy(all.slice(0, index + 1)));

const NIGHT: readonly Move[] = [
  event('collect.completed', 'r1.collect.1'),
  event('train.failed', 'r1.train.1', (it) => 'failure' in it && it.failure.retryable),
  timer('backoff'),
  event('train.completed', 'r1.train.2'),
  event('verify.completed', 'r1.verify.1', (it) => 'verdict' in it && it.verdict === 'blessed'),
  event('deploy.prepared'),
  event('deploy.switched'),
  timer('guardWindow'),
  event('deploy.kept'),
];

const row = ({ name, startMs, endMs, error }: Span) =>
  `${name} ${(startMs - START_MS) / SECOND_MS}-${(endMs - START_MS) / SECOND_MS}${error ? ` ${error}` : ''}`;

test('run spans: a night has its stages, each attempt, the wait between, the phases and the whole', () => {
  const spans = spansOf(walk(NIGHT));
  assert.equal(spans.map(row), [
    'collect 0-1',
    'train 1-2 train.failed',
    'wait for another attempt 2-3',
    'train 3-4',
    'verify 4-5',
    'deploy preparing 5-6',
    'deploy committing 6-7',
    'deploy guarding 7-9',
    'deploy 5-9',
    'night 0-9',
  ]);
});

test('run spans: all are of one trace, and their ids are those that others name', () => {
  const spans = spansOf(walk(NIGHT));
  assert.equal([...new Set(spans.map(({ context }) => context.traceId))], [traceIdOf('r1')]);
  const idOf = (name: string, nth = 0) => spans.filter((span) => span.name === name)[nth]!.context.spanId;
  assert.is(idOf('train', 0), stageSpanId('r1', 'train', 1));
  assert.is(idOf('train', 1), stageSpanId('r1', 'train', 2));
  assert.is(idOf('deploy'), deploySpanId('r1'));
  assert.is(new Set(spans.map(({ context }) => context.spanId)).size, spans.length);
  for (const { name, parentId } of spans) {
    const parent = name.startsWith('deploy ') ? deploySpanId('r1') : name === 'night' ? undefined : runSpanId('r1');
    assert.is(parentId, parent, name);
  }
});

test('run spans: a transition that is told again, by any orchestrator, makes the same spans', () => {
  const all = walk(NIGHT);
  assert.equal(spansOf(all), spansOf(all));
});

test('run spans: of a run whose first transitions are no longer kept, a span says that it began earlier', () => {
  const all = walk(NIGHT);
  const kept = all.slice(7); // From the guard on.
  const deploy = spansEndedBy(kept).find(({ name }) => name === 'deploy')!;
  assert.is(deploy.attributes['nightshift.cut'], true);
  assert.is(deploy.context.spanId, deploySpanId('r1'));
  assert.is(spansEndedBy(all).find(({ name }) => name === 'deploy')!.attributes['nightshift.cut'], null);
  // The whole run knows its start.
  assert.is(spansEndedBy(kept).find(({ name }) => name === 'night')!.startMs, START_MS);
});

test('run spans: a run that fails has its failure in the stage and in the whole', () => {
  const moves = [event('collect.failed', 'r1.collect.1', (it) => 'failure' in it && !it.failure.retryable)];
  const spans = spansOf(walk(moves));
  assert.equal(spans.map(row), ['collect 0-1 INTERNAL', 'night 0-1 INTERNAL']);
});

test('run spans: a trigger reaches from its message to the first checkpoint, and is linked to its sender', () => {
  const [first] = walk([]);
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const span = triggerSpan(first!, { at: new Date(START_MS - 50), traceparent });
  assert.equal([span.startMs, span.endMs, span.parentId], [START_MS - 50, START_MS, runSpanId('r1')]);
  assert.is(span.attributes['nightshift.by'], 'ann');
  assert.equal(
    span.links!.map(({ traceId }) => traceId),
    ['4bf92f3577b34da6a3ce929d0e0e4736'],
  );
  // Clocks may disagree; a message from the future begins nothing.
  assert.is(triggerSpan(first!, { at: new Date(START_MS + 50) }).startMs, START_MS);
});

test.run();
