/**
 * The way back from a subject to its parts: what each builder of subjects.ts puts in, `parseSubject` takes out. Nobody
 * splits a subject elsewhere. A subject that no builder makes is `unknown`, and so is one with a wildcard in it.
 */
import { isSender, isWho } from './identity.ts';
import {
  API_PREFIX,
  APPROVAL_VERBS,
  COMMAND_VERBS,
  CTL,
  DEAD_LETTER_FACTS,
  GALLERY_VERBS,
  INFER_VERBS,
  JANITOR_FACTS,
  MODEL_FACTS,
  OPERATOR_FACTS,
  PEOPLE_VERBS,
  PIPELINE_FACTS,
  REPLICA_FACTS,
  refusedSubject,
  SCHEDULE_FACTS,
  WORK_FACTS,
  WORK_STAGES,
  type ApprovalVerb,
  type CommandVerb,
  type CtlSubject,
  type DeadLetterFact,
  type GalleryVerb,
  type InferVerb,
  type JanitorFact,
  type ModelFact,
  type OperatorFact,
  type PeopleVerb,
  type PipelineFact,
  type ReplicaFact,
  type ScheduleFact,
  type WorkFact,
  type WorkStage,
} from './subjects.ts';

export type ParsedSubject =
  /** `who`: the named person who sent it, or the janitor; null if a role did. */
  | { readonly family: 'operator-command'; readonly command: CtlSubject; readonly who: string | null }
  | { readonly family: 'command'; readonly stage: WorkStage; readonly verb: CommandVerb; readonly runId: string }
  /** `id`: the operator's command. */
  | { readonly family: 'janitor-command'; readonly id: string }
  | { readonly family: 'sweep-command'; readonly id: string }
  | ParsedEvent
  | { readonly family: 'timer'; readonly place: TimerPlace; readonly runId: string; readonly timerId: string }
  | { readonly family: 'slot'; readonly model: string }
  | { readonly family: 'dead-letter'; readonly stream: string; readonly consumer: string }
  /** `command`: null if it was none of ours. */
  | { readonly family: 'refusal'; readonly command: CtlSubject | null }
  /** `of`: all that stands behind `nightshift.api.`. */
  | { readonly family: 'api'; readonly of: string }
  /** `replica`: the one that is asked; absent: any. */
  | {
      readonly family: 'infer';
      readonly model: string;
      readonly verb: AnyInferVerb;
      readonly who: string | null;
      readonly replica?: string;
    }
  | { readonly family: 'pending'; readonly model: string; readonly requestId: string }
  | { readonly family: 'audit'; readonly action: string }
  | { readonly family: 'enrolment'; readonly model: string; readonly personKey: string }
  | { readonly family: 'unknown' };

export type AnyInferVerb = InferVerb | GalleryVerb | ApprovalVerb | PeopleVerb;

export type ParsedEvent =
  | { readonly family: 'work-event'; readonly stage: WorkStage; readonly fact: WorkFact; readonly runId: string }
  | { readonly family: 'replica-event'; readonly fact: ReplicaFact; readonly runId: string }
  | { readonly family: 'pipeline-event'; readonly fact: PipelineFact; readonly runId: string }
  | { readonly family: 'model-event'; readonly fact: ModelFact; readonly model: string }
  | { readonly family: 'schedule-event'; readonly fact: ScheduleFact; readonly model: string }
  /** `commandToken`: the command's message id as one token. */
  | { readonly family: 'operator-event'; readonly fact: OperatorFact; readonly commandToken: string }
  | { readonly family: 'dead-letter-event'; readonly fact: DeadLetterFact; readonly seq: number }
  | { readonly family: 'janitor-event'; readonly fact: JanitorFact; readonly id: string }
  | { readonly family: 'caches-event'; readonly stage: WorkStage; readonly id: string }
  | { readonly family: 'held-back-event'; readonly stage: WorkStage; readonly id: string };

/** `at`: it waits there. `fire`: it has fired. */
export type TimerPlace = 'at' | 'fire';

const UNKNOWN = { family: 'unknown' } as const;
const WILDCARDS: readonly string[] = ['*', '>', ''];
const COMMANDS = Object.values(CTL);
/** A named person may stand behind these. */
const NAMED_VERBS = [...GALLERY_VERBS, ...APPROVAL_VERBS] as const;

export function parseSubject(subject: string): ParsedSubject {
  const [system, family = '', ...rest] = subject.split('.');
  if (system !== 'nightshift' || rest.length === 0 || rest.some((token) => WILDCARDS.includes(token))) return UNKNOWN;
  if (family === 'api') return { family, of: subject.slice(API_PREFIX.length) };
  const [first = '', second = '', third = '', fourth = '', ...more] = rest;
  if (more.length > 0) return UNKNOWN;
  if (rest.length === 4) {
    const verb = family === 'infer' && third === 'at' ? oneOf(INFER_VERBS, second) : null;
    return verb ? { family: 'infer', model: first, verb, who: null, replica: fourth } : UNKNOWN;
  }
  if (rest.length === 3) return ofThree(family, first, second, third);
  return rest.length === 2 ? ofTwo(subject, family, first, second) : UNKNOWN;
}

function ofTwo(subject: string, family: string, first: string, second: string): ParsedSubject {
  switch (family) {
    case 'ctl': {
      const command = oneOf(COMMANDS, subject);
      return command ? { family: 'operator-command', command, who: null } : UNKNOWN;
    }
    case 'timer':
      return first === 'slot' ? { family: 'slot', model: second } : UNKNOWN;
    case 'dlq':
      return { family: 'dead-letter', stream: first, consumer: second };
    case 'refused': {
      const command = oneOf(COMMANDS, `nightshift.ctl.${first}.${second}`);
      return command || subject === refusedSubject(null) ? { family: 'refusal', command } : UNKNOWN;
    }
    case 'infer': {
      const verb = oneOf(INFER_VERBS, second) ?? oneOf(NAMED_VERBS, second) ?? oneOf(PEOPLE_VERBS, second);
      return verb ? { family, model: first, verb, who: null } : UNKNOWN;
    }
    case 'pending':
      return { family, model: first, requestId: second };
    case 'audit':
      return { family, action: `${first}.${second}` };
    case 'enrol':
      return { family: 'enrolment', model: first, personKey: second };
    default:
      return UNKNOWN;
  }
}

function ofThree(family: string, first: string, second: string, third: string): ParsedSubject {
  switch (family) {
    case 'ctl': {
      const command = oneOf(COMMANDS, `nightshift.ctl.${first}.${second}`);
      return command && isSender(third) ? { family: 'operator-command', command, who: third } : UNKNOWN;
    }
    case 'infer': {
      const verb = oneOf(NAMED_VERBS, second);
      return verb && isWho(third) ? { family, model: first, verb, who: third } : UNKNOWN;
    }
    case 'cmd': {
      if (first === 'janitor' && second === 'forget') return { family: 'janitor-command', id: third };
      if (first === 'janitor' && second === 'sweep') return { family: 'sweep-command', id: third };
      const [stage, verb] = [oneOf(WORK_STAGES, first), oneOf(COMMAND_VERBS, second)];
      return stage && verb ? { family: 'command', stage, verb, runId: third } : UNKNOWN;
    }
    case 'evt':
      return eventOf(first, second, third) ?? UNKNOWN;
    case 'timer': {
      const place = oneOf(['at', 'fire'] as const, first);
      return place ? { family, place, runId: second, timerId: third } : UNKNOWN;
    }
    default:
      return UNKNOWN;
  }
}

function eventOf(speaker: string, said: string, about: string): ParsedEvent | null {
  switch (speaker) {
    case 'replica':
      return withFact(REPLICA_FACTS, said, (fact) => ({ family: 'replica-event', fact, runId: about }));
    case 'pipeline':
      return withFact(PIPELINE_FACTS, said, (fact) => ({ family: 'pipeline-event', fact, runId: about }));
    case 'model':
      return withFact(MODEL_FACTS, said, (fact) => ({ family: 'model-event', fact, model: about }));
    case 'schedule':
      return withFact(SCHEDULE_FACTS, said, (fact) => ({ family: 'schedule-event', fact, model: about }));
    case 'operator':
      return withFact(OPERATOR_FACTS, said, (fact) => ({ family: 'operator-event', fact, commandToken: about }));
    case 'dlq': {
      if (!/^\d+$/.test(about)) return null;
      return withFact(DEAD_LETTER_FACTS, said, (fact) => ({ family: 'dead-letter-event', fact, seq: Number(about) }));
    }
    case 'janitor':
      return withFact(JANITOR_FACTS, said, (fact) => ({ family: 'janitor-event', fact, id: about }));
    default: {
      const stage = oneOf(WORK_STAGES, speaker);
      if (stage && said === 'swept') return { family: 'caches-event', stage, id: about };
      if (stage && said === 'held-back') return { family: 'held-back-event', stage, id: about };
      return stage && withFact(WORK_FACTS, said, (fact) => ({ family: 'work-event', stage, fact, runId: about }));
    }
  }
}

function withFact<F extends string>(facts: readonly F[], said: string, make: (fact: F) => ParsedEvent) {
  const fact = oneOf(facts, said);
  return fact && make(fact);
}

const oneOf = <T extends string>(known: readonly T[], text: string): T | null =>
  known.find((one) => one === text) ?? null;
