/**
 * The spans of a run, out of what is stored of it: one for each attempt at a stage, for each phase of a deployment, for what
 * a run waits for or takes back, and one for the whole. Pure; any orchestrator makes the same, also after a kill. Called by
 * trace-runs.ts and, for the trigger, by run-loop.ts.
 */
import { deploySpanId, inRun, readTraceparent, runSpanId, spanIdOf, stageSpanId } from '../../runtime/trace-context.ts';
import { ATTRIBUTE, type Attributes, type Span } from '../../infra/telemetry/tracer.ts';
import { statePath, type Checkpoint } from '../../machines/step.ts';
import { failureOf } from './failure-of.ts';

/** The message or the slot that started a run. */
export interface Trigger {
  /** When the message was stored, or the slot was due. */
  readonly at: Date;
  /** The sender's own trace, which the run is linked to. */
  readonly traceparent?: string | undefined;
}

/** From the message to the first checkpoint. */
export function triggerSpan(first: Checkpoint, { at, traceparent }: Trigger): Span {
  const { runId } = first.context;
  const endMs = Date.parse(first.startedAt);
  const sender = readTraceparent(traceparent);
  return {
    name: 'trigger',
    kind: 'internal',
    context: inRun(runId, spanIdOf(`trigger:${runId}`)),
    parentId: runSpanId(runId),
    startMs: Math.min(at.getTime(), endMs),
    endMs,
    attributes: { ...ofRun(first), [ATTRIBUTE.by]: first.by, 'messaging.message.id': first.seen[0] },
    links: sender ? [sender] : [],
  };
}

/** The spans that the last of these transitions ends. The first of them need not be the run's first: the store keeps some. */
export function spansEndedBy(transitions: readonly Checkpoint[]): readonly Span[] {
  const last = transitions.at(-1);
  if (!last) return [];
  const ended = [periodEnded(transitions, phaseOf), periodEnded(transitions, periodOf)];
  return [...ended, last.status === 'done' ? wholeRun(last) : null].filter((span) => span !== null);
}

function wholeRun(last: Checkpoint): Span {
  const { runId, kind } = last.context;
  const state = statePath(last.value);
  const isWell = !NOT_WELL.has(state) && !(kind === 'night' && state === 'rolledBack');
  return {
    name: kind,
    kind: 'internal',
    context: inRun(runId, runSpanId(runId)),
    startMs: Date.parse(last.startedAt),
    endMs: Date.parse(last.updatedAt),
    attributes: { ...ofRun(last), [ATTRIBUTE.state]: state, [ATTRIBUTE.transition]: last.transition },
    error: isWell ? null : (failureOf(last.context)?.code ?? state),
  };
}

/** Ends of a run that somebody should look at. */
const NOT_WELL: ReadonlySet<string> = new Set(['failed', 'cancelled']);

/** A time in which a run did one thing. */
interface Period {
  readonly name: string;
  /** Two transitions in a row with the same are of one period. */
  readonly key: string;
  /** `entered`: the number of the transition with which it began. */
  spanId(runId: string, entered: number): string;
  readonly parentId: (runId: string) => string;
  readonly attributes: Attributes;
}

/** By the first token of the state. */
const STAGES: Readonly<Record<string, string>> = { collecting: 'collect', training: 'train', verifying: 'verify' };
const WAITS: Readonly<Record<string, string>> = {
  retrying: 'wait for another attempt',
  awaitingApproval: 'wait for approval',
  paused: 'wait for an operator',
  needsOperator: 'wait for an operator',
  rollingBack: 'roll back',
  withdrawing: 'withdraw',
  compensating: 'compensate',
};

function periodOf({ value, context }: Checkpoint): Period | null {
  const [state = ''] = statePath(value).split('.');
  const parentId = runSpanId;
  const stage = STAGES[state];
  if (stage !== undefined) {
    const { attempt } = context;
    const attributes = { [ATTRIBUTE.stage]: stage, [ATTRIBUTE.attempt]: attempt };
    return {
      ...{ name: stage, key: `${stage}.${attempt}`, attributes, parentId },
      spanId: (runId) => stageSpanId(runId, stage, attempt),
    };
  }
  if (state === 'deploying') {
    const attributes = { [ATTRIBUTE.stage]: 'deploy', [ATTRIBUTE.attempt]: 1 };
    return { name: 'deploy', key: 'deploy', attributes, parentId, spanId: deploySpanId };
  }
  const wait = WAITS[state];
  return wait === undefined ? null : otherPeriod(wait, state, parentId);
}

/** Inside a deployment: preparing, canary, committing, guarding. */
function phaseOf({ value }: Checkpoint): Period | null {
  const [state, phase] = statePath(value).split('.');
  if (state !== 'deploying' || phase === undefined) return null;
  return { ...otherPeriod(`deploy ${phase}`, phase, deploySpanId), attributes: { [ATTRIBUTE.phase]: phase } };
}

const otherPeriod = (name: string, key: string, parentId: Period['parentId']): Period => ({
  ...{ name, key, parentId, attributes: {} },
  spanId: (runId, entered) => spanIdOf(`state:${runId}.${key}.${entered}`),
});

function periodEnded(transitions: readonly Checkpoint[], of: (c: Checkpoint) => Period | null): Span | null {
  const last = transitions.at(-1);
  const before = transitions.at(-2);
  const period = before ? of(before) : null;
  if (!last || !period || of(last)?.key === period.key) return null;
  const others = transitions.slice(0, -1).findLastIndex((c) => of(c)?.key !== period.key);
  const first = transitions[others + 1]!; // At the latest the one before the last.
  const { runId } = last.context;
  return {
    name: period.name,
    kind: 'internal',
    context: inRun(runId, period.spanId(runId, first.transition)),
    parentId: period.parentId(runId),
    startMs: Date.parse(first.updatedAt),
    endMs: Date.parse(last.updatedAt),
    attributes: {
      ...ofRun(last),
      ...period.attributes,
      [ATTRIBUTE.cause]: last.cause,
      // It began before all that is kept.
      [ATTRIBUTE.cut]: others === -1 && first.transition > 1 ? true : null,
    },
    error: isLost(last) ? (failureOf(last.context)?.code ?? last.cause) : null,
  };
}

/** States to which a run goes because the one before did not end well. */
const AFTER_LOSS: ReadonlySet<string> = new Set(['retrying', 'withdrawing', 'compensating', 'rollingBack', 'failed']);
const isLost = ({ value }: Checkpoint) => AFTER_LOSS.has(statePath(value).split('.')[0]!);

const ofRun = ({ context: { runId, model, kind } }: Checkpoint): Attributes => ({
  [ATTRIBUTE.runId]: runId,
  [ATTRIBUTE.model]: model,
  [ATTRIBUTE.kind]: kind,
});
