/** The words of states and causes, held against the machine as it is exported: a state without words is a gap. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { causeInWords, STATE_NAMES, stateInWords } from '../../contracts/run-words.ts';

interface State {
  readonly states?: Readonly<Record<string, State>>;
  readonly on?: Readonly<Record<string, unknown>>;
  readonly after?: Readonly<Record<string, unknown>>;
}

const machine = JSON.parse(readFileSync(new URL('../../docs/pipeline.json', import.meta.url), 'utf8')) as State;

function* statesIn(state: State, path: readonly string[] = []): Generator<readonly [string, State]> {
  for (const [name, inner] of Object.entries(state.states ?? {})) {
    yield [[...path, name].join('.'), inner];
    yield* statesIn(inner, [...path, name]);
  }
}
const states = [...statesIn(machine)];

test('words: every state of the machine has its own', () => {
  const top = Object.keys(machine.states ?? {});
  assert.equal([...STATE_NAMES].sort(), top.sort());
  for (const [path] of states) assert.not.match(stateInWords(path), /\.|undefined/, path);
  assert.is(stateInWords('training.working.beating'), 'training');
  assert.is(stateInWords('training.working.missing'), 'training: no sign of its worker');
  assert.is(stateInWords('deploying.canary.watching'), 'deploying: on canaries');
});

test('words: every event and timer of the machine has its own', () => {
  const events = new Set(states.flatMap(([, { on = {} }]) => Object.keys(on)).concat(Object.keys(machine.on ?? {})));
  assert.ok(events.size > 20, `${events.size} events were found`);
  assert.equal(
    [...events].filter((event) => !event.endsWith('*') && causeInWords(event) === event),
    [],
  );
  const timers = states.flatMap(([path, { after = {} }]) =>
    Object.keys(after).map((name) => `xstate.after.${name}.pipeline.${path}`),
  );
  assert.ok(timers.length > 10, `${timers.length} timers were found`);
  assert.equal(
    timers.filter((timer) => causeInWords(timer) === timer),
    [],
  );
  assert.is(causeInWords('train.failed'), 'the trainer failed');
});

test('words: a state and a cause of another version are told as they are', () => {
  assert.is(stateInWords('pondering.deep'), 'pondering.deep');
  assert.is(causeInWords('xstate.after.moon.pipeline.pondering'), 'xstate.after.moon.pipeline.pondering');
  assert.is(causeInWords('train.sang'), 'train.sang');
});

test.run();
