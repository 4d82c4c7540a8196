/**
 * Every NATS name of the system: subjects, streams, buckets. Nobody spells one a second time, and parse-subject.ts
 * alone takes one apart. The last token of a command or event is the id of its run, so that one subscription follows
 * one run.
 */

export const STREAMS = {
  ctl: 'CTL',
  commands: 'COMMANDS',
  events: 'EVENTS',
  timers: 'TIMERS',
  dlq: 'DLQ',
  refused: 'REFUSED',
  audit: 'AUDIT',
  pending: 'PENDING',
  advisories: 'ADVISORIES',
  enrolments: 'ENROLMENTS',
} as const;

export const BUCKETS = {
  runs: 'RUNS',
  deployments: 'DEPLOYMENTS',
  replicas: 'REPLICAS',
  schedules: 'SCHEDULES',
  config: 'CONFIG',
  datasets: 'DATASETS',
  models: 'MODELS',
  reports: 'REPORTS',
  forgotten: 'FORGOTTEN',
} as const;

/** The stages of a run in their order. A stage's name stands in its commands and events. */
export const STAGES = ['collect', 'train', 'verify', 'deploy'] as const;
export type Stage = (typeof STAGES)[number];
/** The stages of which one worker actor each does the work; the orchestrator deploys. */
export const WORK_STAGES = ['collect', 'train', 'verify'] as const satisfies readonly Stage[];
export type WorkStage = (typeof WORK_STAGES)[number];

export const COMMAND_VERBS = ['start', 'cancel', 'report'] as const;
export type CommandVerb = (typeof COMMAND_VERBS)[number];

/**
 * A worker's facts about its command. `progressed` is for people and frequent; `working` and `absent` answer `report`:
 * a worker holds the work, or none does.
 */
export const WORK_FACTS = ['completed', 'failed', 'cancelled', 'progressed', 'working', 'absent'] as const;
export type WorkFact = (typeof WORK_FACTS)[number];

export const REPLICA_FACTS = ['prepared', 'refused', 'switched', 'out-of-service'] as const;
export type ReplicaFact = (typeof REPLICA_FACTS)[number];

export const PIPELINE_FACTS = [
  'started',
  'advanced',
  'completed',
  'rejected',
  'unchanged',
  'failed',
  'rolled-back',
  'cancelled',
  'needs-operator',
  'paused',
  'awaiting-approval',
] as const;
export type PipelineFact = (typeof PIPELINE_FACTS)[number];

/** Said on the way: a run that is paused, or waits for approval, still has its end before it. */
const ON_THE_WAY: readonly PipelineFact[] = ['started', 'advanced', 'paused', 'awaiting-approval'];
/** A run that said one of these moves no more, or not without an operator. */
export const RUN_STOPS: readonly PipelineFact[] = PIPELINE_FACTS.filter((fact) => !ON_THE_WAY.includes(fact));

export const CTL = {
  pipelineStart: 'nightshift.ctl.pipeline.start',
  pipelineCancel: 'nightshift.ctl.pipeline.cancel',
  pipelinePause: 'nightshift.ctl.pipeline.pause',
  pipelineResume: 'nightshift.ctl.pipeline.resume',
  pipelineApprove: 'nightshift.ctl.pipeline.approve',
  pipelineReject: 'nightshift.ctl.pipeline.reject',
  pipelineRetry: 'nightshift.ctl.pipeline.retry',
  pipelineFork: 'nightshift.ctl.pipeline.fork',
  pipelineBless: 'nightshift.ctl.pipeline.bless',
  modelRollback: 'nightshift.ctl.model.rollback',
  dlqRedrive: 'nightshift.ctl.dlq.redrive',
  dlqDrop: 'nightshift.ctl.dlq.drop',
  schedulePause: 'nightshift.ctl.schedule.pause',
  scheduleResume: 'nightshift.ctl.schedule.resume',
  personForget: 'nightshift.ctl.person.forget',
  storeSweep: 'nightshift.ctl.store.sweep',
  configApply: 'nightshift.ctl.config.apply',
  configRollback: 'nightshift.ctl.config.rollback',
  configRemove: 'nightshift.ctl.config.remove',
} as const;
export type CtlSubject = (typeof CTL)[keyof typeof CTL];

/** The command as a named person sends it: the permissions of `who` allow this token and no other. */
export const commandAs = (command: CtlSubject, who: string) => `${command}.${who}`;

export const ALL = {
  ctl: 'nightshift.ctl.>',
  commands: 'nightshift.cmd.>',
  events: 'nightshift.evt.>',
  timers: 'nightshift.timer.>',
  timersFired: 'nightshift.timer.fire.>',
  slots: 'nightshift.timer.slot.>',
  dlq: 'nightshift.dlq.>',
  refused: 'nightshift.refused.>',
  audit: 'nightshift.audit.>',
  pending: 'nightshift.pending.>',
  replicaEvents: 'nightshift.evt.replica.*.*',
  enrolments: 'nightshift.enrol.>',
} as const;

export const commandSubject = (stage: WorkStage, verb: CommandVerb, runId: string) =>
  `nightshift.cmd.${stage}.${verb}.${runId}`;
export const workEventSubject = (stage: WorkStage, fact: WorkFact, runId: string) =>
  `nightshift.evt.${stage}.${fact}.${runId}`;
/** All facts of the workers of a stage. */
export const workEventsOf = (stage: WorkStage) => `nightshift.evt.${stage}.*.*`;
export const replicaEventSubject = (fact: ReplicaFact, runId: string) => `nightshift.evt.replica.${fact}.${runId}`;
export const pipelineEventSubject = (fact: PipelineFact, runId: string) => `nightshift.evt.pipeline.${fact}.${runId}`;
export const MODEL_FACTS = ['deployed', 'rolled-back'] as const;
export type ModelFact = (typeof MODEL_FACTS)[number];
export const modelDeployedSubject = (model: string) => `nightshift.evt.model.deployed.${model}`;
export const modelRolledBackSubject = (model: string) => `nightshift.evt.model.rolled-back.${model}`;
/** `overdue`: a slot has passed, and no night has ended since within the configured time. */
export const SCHEDULE_FACTS = ['decided', 'paused', 'resumed', 'overdue'] as const;
export type ScheduleFact = (typeof SCHEDULE_FACTS)[number];
export const scheduleEventSubject = (fact: ScheduleFact, model: string) => `nightshift.evt.schedule.${fact}.${model}`;
export const OPERATOR_FACTS = ['accepted', 'refused'] as const;
export type OperatorFact = (typeof OPERATOR_FACTS)[number];
/** Said of every operator command; `id` is the command's message id as one token, see `commandToken`. */
export const commandRefusedSubject = (id: string) => `nightshift.evt.operator.refused.${id}`;
export const commandAcceptedSubject = (id: string) => `nightshift.evt.operator.accepted.${id}`;
/** A message id may have dots in it; in a subject it stands as one token. */
export const commandToken = (id: string) => id.replaceAll(/[^A-Za-z0-9_-]/g, '-');

/** A durable timer waits at the first, and appears at the second when it is due. */
export const timerScheduleSubject = (runId: string, timerId: string) => `nightshift.timer.at.${runId}.${timerId}`;
export const timerFiredSubject = (runId: string, timerId: string) => `nightshift.timer.fire.${runId}.${timerId}`;

/**
 * A message here means that a slot of the model has come. The orchestrator's own timers fire here, and so may a
 * schedule that an operator sets in the server by hand, on a subject such as `nightshift.timer.cron.<model>`.
 */
export const slotSubject = (model: string) => `nightshift.timer.slot.${model}`;
/** In place of a run's id in the subject of a schedule's own timer. */
export const SCHEDULE_TIMER = 'schedule';

/** A dead letter was kept, published again, or thrown away. */
export const DEAD_LETTER_FACTS = ['kept', 'redriven', 'dropped'] as const;
export type DeadLetterFact = (typeof DEAD_LETTER_FACTS)[number];
/** `seq`: the letter's place in the stream DLQ. */
export const deadLetterEventSubject = (fact: DeadLetterFact, seq: number | '*') => `nightshift.evt.dlq.${fact}.${seq}`;

export const JANITOR_FACTS = ['progressed', 'completed', 'failed', 'caches', 'swept'] as const;
/**
 * `caches` asks the workers to take images out of what they keep between nights; `swept` ends a sweep; the others tell how a
 * forgetting goes.
 */
export type JanitorFact = (typeof JANITOR_FACTS)[number];
/** `id`: the operator's command, as `commandToken` writes it. */
export const janitorEventSubject = (fact: JanitorFact, id: string) => `nightshift.evt.janitor.${fact}.${id}`;
export const janitorCommandSubject = (id: string) => `nightshift.cmd.janitor.forget.${id}`;
/** The order to delete what nothing refers to any more. */
export const sweepCommandSubject = (id: string) => `nightshift.cmd.janitor.sweep.${id}`;
/** A worker's answer to `caches`. */
export const cachesSweptSubject = (stage: WorkStage, id: string) => `nightshift.evt.${stage}.swept.${id}`;

/**
 * A worker takes no work because its file does not fit to the applied configuration. `id`: of the process. Under this stage
 * it may publish; heard by the orchestrator, for its log.
 */
export const heldBackSubject = (stage: WorkStage | '*', id: string) => `nightshift.evt.${stage}.held-back.${id}`;

/** The server's own notices of messages of these streams that it will not deliver again. */
export const ADVISORIES: readonly string[] = [STREAMS.ctl, STREAMS.commands, STREAMS.events, STREAMS.timers].flatMap(
  (stream) => ['MAX_DELIVERIES', 'MSG_TERMINATED'].map((why) => `$JS.EVENT.ADVISORY.CONSUMER.${why}.${stream}.*`),
);

export const deadLetterSubject = (stream: string, consumer: string) => `nightshift.dlq.${stream}.${consumer}`;

/** Operator commands that were not obeyed, by the command; all that name none of ours stand under one subject. */
export const refusedSubject = (command: CtlSubject | null) =>
  `nightshift.refused.${command === null ? 'unknown.command' : command.slice('nightshift.ctl.'.length)}`;

/** Lines about what was done, by noun and verb: `pipeline.start`, `gallery.enroll`. */
export const auditSubject = (action: string) => `nightshift.audit.${action}`;

export const API = {
  runs: 'nightshift.api.runs',
  run: 'nightshift.api.run',
  status: 'nightshift.api.status',
  models: 'nightshift.api.models',
  schedules: 'nightshift.api.schedules',
  deadLetters: 'nightshift.api.dlq.list',
  deadLetter: 'nightshift.api.dlq.show',
  refusals: 'nightshift.api.refused.list',
  audit: 'nightshift.api.audit',
  deployments: 'nightshift.api.deployments',
  configList: 'nightshift.api.config.list',
  configShow: 'nightshift.api.config.show',
  configHistory: 'nightshift.api.config.history',
} as const;

/** The subjects of all questions begin so. */
export const API_PREFIX = 'nightshift.api.';

export type ApiOfCommand<S extends CtlSubject> = S extends `nightshift.ctl.${infer Name}`
  ? `nightshift.api.${Name}`
  : never;
/**
 * Request and reply for an operator command: `nightshift.ctl.pipeline.pause` is answered on
 * `nightshift.api.pipeline.pause`.
 */
export const apiOfCommand = <S extends CtlSubject>(command: S): ApiOfCommand<S> =>
  // As the type says of the text.
  `${API_PREFIX}${command.slice('nightshift.ctl.'.length)}` as ApiOfCommand<S>;

export const INFER_VERBS = ['embed', 'verify', 'identify'] as const;
export type InferVerb = (typeof INFER_VERBS)[number];
/** They change who is in the gallery, in every release. */
export const GALLERY_VERBS = ['enroll', 'remove'] as const;
export type GalleryVerb = (typeof GALLERY_VERBS)[number];
/** About changes of the gallery that wait for a second person. */
export const APPROVAL_VERBS = ['pending', 'approve', 'reject'] as const;
export type ApprovalVerb = (typeof APPROVAL_VERBS)[number];
/** Questions of those who change a gallery, and of those who approve: who is in it, and with which images. */
export const PEOPLE_VERBS = ['people', 'picture'] as const;
export type PeopleVerb = (typeof PEOPLE_VERBS)[number];
export const inferSubject = (model: string, verb: InferVerb | GalleryVerb | ApprovalVerb | PeopleVerb) =>
  `nightshift.infer.${model}.${verb}`;
/** The same question to one replica alone: for a second try, past the one that did not answer the first. */
export const inferAt = (model: string, verb: InferVerb, replicaId: string) =>
  `${inferSubject(model, verb)}.at.${replicaId}`;
/** As a named person sends it: see `commandAs`. */
export const galleryAs = (model: string, verb: GalleryVerb | ApprovalVerb, who: string) =>
  `${inferSubject(model, verb)}.${who}`;
/** A change of the model's gallery that waits for a second person. */
export const pendingSubject = (model: string, requestId: string) => `nightshift.pending.${model}.${requestId}`;
export const pendingOf = (model: string) => `nightshift.pending.${model}.*`;
export const inferQueue = (model: string) => `inference-${model}`;

/**
 * All changes of a person in a model's gallery. A name may have characters that a subject may not, hence `personKey`.
 */
export const enrolmentSubject = (model: string, personKey: string) => `nightshift.enrol.${model}.${personKey}`;
/** `person`: a salted hash. The removal of a person whose name nothing keeps. */
export const forgottenSubject = (model: string, person: string) => `nightshift.enrol.${model}.forgotten-${person}`;
export const enrolmentsOf = (model: string) => `nightshift.enrol.${model}.>`;
