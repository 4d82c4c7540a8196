/**
 * The states of a run and the events that move it, in words for people. The API tells paths of the machine
 * (docs/pipeline.md); whoever shows them says this instead. A test holds these tables against the machine. Pure.
 */

/** By the first token of the path; the second is in PARTS. */
const STATES: Readonly<Record<string, string>> = {
  routing: 'starting',
  next: 'between stages',
  paused: 'paused',
  collecting: 'collecting',
  training: 'training',
  verifying: 'verifying',
  retrying: 'waiting for another attempt',
  awaitingApproval: 'waiting for approval',
  deploying: 'deploying',
  rollingBack: 'rolling back',
  withdrawing: 'taking the announcement back',
  compensating: 'undoing',
  undoFailed: 'an undoing failed',
  undone: 'undone',
  needsOperator: 'needs an operator',
  completed: 'completed',
  rejected: 'rejected',
  unchanged: 'unchanged',
  failed: 'failed',
  rolledBack: 'rolled back',
  cancelled: 'cancelled',
};

/** By the last token of the path. Absent: the state says enough. */
const PARTS: Readonly<Record<string, string>> = {
  missing: 'no sign of its worker',
  asking: 'past its deadline',
  held: 'paused',
  preparing: 'replicas load it',
  canary: 'on canaries',
  committing: 'replicas switch',
  guarding: 'watched',
  stopping: 'a worker is to stop',
  silent: 'a worker is silent',
  waiting: 'until it is tried again',
};

/** Such as `training` for `training.working.beating`; a path of another version is told as it is. */
export function stateInWords(path: string): string {
  const tokens = path.split('.');
  const state = STATES[tokens[0]!];
  if (state === undefined) return path;
  const part = tokens.slice(1).flatMap((token) => PARTS[token] ?? [])[0];
  return part === undefined ? state : `${state}: ${part}`;
}

/** First tokens of a path, for `--state`. */
export const STATE_NAMES: readonly string[] = Object.keys(STATES);

const STAGES: Readonly<Record<string, string>> = {
  collect: 'the collector',
  train: 'the trainer',
  verify: 'the verifier',
};

const FACTS: Readonly<Record<string, string>> = {
  completed: 'is done',
  failed: 'failed',
  cancelled: 'stopped',
  working: 'is at work',
  absent: 'does not have the work',
};

const CAUSES: Readonly<Record<string, string>> = {
  started: 'start',
  'worker.silent': 'no sign of the worker',
  'deploy.prepared': 'replicas have loaded it',
  'deploy.refused': 'a replica refused it',
  'deploy.kept': 'the watch is over',
  'deploy.breached': 'a limit was broken',
  'deploy.switched': 'all replicas have switched',
  'deploy.withdrawn': 'replicas have dropped it',
  'deploy.failed': 'the record could not be changed',
  'operator.approve': 'approved',
  'operator.cancel': 'cancelled by an operator',
  'operator.pause': 'paused by an operator',
  'operator.reject': 'rejected by an operator',
  'operator.resume': 'resumed by an operator',
  'operator.rollback': 'rolled back by an operator',
};

/** By the name of the machine's delay. */
const DELAYS: Readonly<Record<string, string>> = {
  backoff: 'the pause before another attempt is over',
  collectDeadline: 'the deadline of collect has passed',
  trainDeadline: 'the deadline of train has passed',
  verifyDeadline: 'the deadline of verify has passed',
  answerDeadline: 'nobody answered in time',
  deployDeadline: 'the deadline of deploy has passed',
  approvalWindow: 'nobody decided in time',
  canaryWindow: 'the canary has run its time',
  guardWindow: 'the watch has run its time',
  undoBackoff: 'the undoing is tried again',
};

const TIMER = 'xstate.after.';

/** Such as `the trainer failed` for `train.failed`; an event of another version is told as it is. */
export function causeInWords(cause: string): string {
  if (cause.startsWith(TIMER)) return DELAYS[cause.slice(TIMER.length).split('.')[0]!] ?? cause;
  const known = CAUSES[cause];
  if (known !== undefined) return known;
  const [family = '', fact = ''] = cause.split('.');
  const [actor, said] = [STAGES[family], FACTS[fact]];
  return actor !== undefined && said !== undefined ? `${actor} ${said}` : cause;
}
