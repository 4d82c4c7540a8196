/**
 * The one table of who may publish and subscribe what, derived from the subjects, streams and consumers. The
 * configuration of our own server, `nightshift auth export`, docs/security.md and the tests are made from it. Subjects
 * are those that a client publishes, under their logical names (topology/namespace.ts): a question to JetStream is a
 * publication as well.
 */
import { JANITOR } from '../../contracts/identity.ts';
import {
  ACTORS,
  inboxPrefixOf,
  ROLES,
  serviceOf,
  type ActorName,
  type Person,
  type Role,
} from '../../contracts/roles.ts';
import {
  ALL,
  API,
  apiOfCommand,
  APPROVAL_VERBS,
  auditSubject,
  BUCKETS,
  commandAcceptedSubject,
  commandRefusedSubject,
  commandSubject,
  commandAs,
  CTL,
  deadLetterSubject,
  cachesSweptSubject,
  JANITOR_FACTS,
  janitorEventSubject,
  pipelineEventSubject,
  enrolmentSubject,
  enrolmentsOf,
  galleryAs,
  GALLERY_VERBS,
  INFER_VERBS,
  heldBackSubject,
  inferAt,
  inferSubject,
  PEOPLE_VERBS,
  pendingSubject,
  RUN_STOPS,
  STREAMS,
  sweepCommandSubject,
  WORK_STAGES,
  workEventsOf,
  type ApprovalVerb,
  type GalleryVerb,
  type InferVerb,
  type PeopleVerb,
  type WorkStage,
} from '../../contracts/subjects.ts';
import { wireSubject } from '../topology/namespace.ts';
import { CONSUMER_SPECS, CONSUMERS, workerConsumer } from '../topology/consumers.ts';
import { kvStreamName, kvSubject, objectStreamName, streamsOf } from '../topology/streams.ts';
import {
  consume,
  consumerInfo,
  deleteFrom,
  fetchObjects,
  findObjects,
  follow,
  followRecords,
  get,
  jetStream,
  JS_API,
  nextMessageSubject,
  purge,
  readAndStoreObjects,
  readObjects,
  readRecords,
  storeObjects,
  streamInfo,
} from './jetstream-rights.ts';

/** Logical names, as all of this table: `wirePermissions` makes those that a server knows of them. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** May answer a message that it receives, once and within this time, wherever the asker listens. */
  readonly answersMs: number | null;
}

/** Longer than the longest work on a question: a command of the API, an enrolment. */
const ANSWERS_MS = 60_000;

const infer = (verbs: readonly (InferVerb | GalleryVerb | ApprovalVerb | PeopleVerb)[]) =>
  verbs.map((verb) => inferSubject('*', verb));
/** One replica alone. */
const inferOne = (verbs: readonly InferVerb[]) => verbs.map((verb) => inferAt('*', verb, '*'));

/** NATS micro: who is there, and how it fares. The answers of one service. */
const serviceSubjects = (service: string) => [`$SRV.*.${service}`, `$SRV.*.${service}.*`];
const ALL_SERVICES = '$SRV.*';
/** Heard by one actor, of which each is a service. */
const heardAs = (actor: ActorName) => [ALL_SERVICES, ...serviceSubjects(serviceOf(actor))];
const SERVICES = [ALL_SERVICES, ...ACTORS.flatMap((actor) => serviceSubjects(serviceOf(actor)))];

/** A worker of one stage takes its commands and says its facts; `buckets`: what it reads and writes beside them. */
function worker(stage: WorkStage, buckets: readonly string[], listens: readonly string[]): Rights {
  const consumers = (['start', 'control'] as const).map((kind) => workerConsumer(stage, kind));
  return {
    publish: [
      jetStream,
      ...consumers.flatMap((consumer) => consume(STREAMS.commands, consumer)),
      // Whether a command is the latest of its run, and whether it is still there.
      get(STREAMS.commands),
      streamInfo(STREAMS.commands),
      // Its own facts: what is stored of work that comes a second time.
      get(STREAMS.events),
      workEventsOf(stage),
      ...consumers.map((consumer) => deadLetterSubject(STREAMS.commands, consumer)),
      ...new Set(buckets),
      // Whether its file fits to what is applied.
      ...followRecords(BUCKETS.config),
    ],
    subscribe: [commandSubject(stage, 'cancel', '*'), ...listens],
    answers: true,
  };
}

/** Buckets of objects. */
const OBJECTS: readonly string[] = [BUCKETS.datasets, BUCKETS.models, BUCKETS.reports];
/** Where single messages are erased that name a person who is forgotten. */
const ERASED = [
  ...[STREAMS.events, STREAMS.dlq, STREAMS.advisories, STREAMS.enrolments, STREAMS.pending, STREAMS.refused],
  kvStreamName(BUCKETS.runs),
];

type Rights = Omit<Permissions, 'answersMs'> & { readonly answers?: true };

const names = streamsOf({ replicas: 1 }).map(({ name }) => name);

/**
 * Of `nightshift doctor`: how streams and consumers fare. Without the streams whose subjects tell of people, because the
 * settings of a stream come with its subjects on demand.
 */
const LOOKED_AT = names.filter(
  (name) => ![STREAMS.enrolments, STREAMS.pending, kvStreamName(BUCKETS.forgotten)].includes(name),
);
/** Whether the doctor looks at it. */
export const mayExamine = (stream: string) => LOOKED_AT.includes(stream);

const examine = [
  ...LOOKED_AT.map(streamInfo),
  ...CONSUMER_SPECS.map(({ stream, config }) => consumerInfo(stream, config.durable_name)),
];

const OWN: Readonly<Record<Role, Rights>> = {
  setup: {
    publish: [
      jetStream,
      // Whether a stream of somebody else takes subjects that ours need.
      `${JS_API}.STREAM.LIST`,
      ...names.flatMap((stream) => [
        streamInfo(stream),
        `${JS_API}.STREAM.CREATE.${stream}`,
        `${JS_API}.STREAM.UPDATE.${stream}`,
      ]),
      ...CONSUMER_SPECS.flatMap(({ stream, config }) => [
        consumerInfo(stream, config.durable_name),
        `${JS_API}.CONSUMER.DURABLE.CREATE.${stream}.${config.durable_name}`,
      ]),
    ],
    subscribe: [],
  },
  orchestrator: {
    publish: [
      jetStream,
      ...consume(STREAMS.ctl, CONSUMERS.ctl),
      ...consume(STREAMS.events, CONSUMERS.events),
      ...consume(STREAMS.events, CONSUMERS.notifications),
      ...consume(STREAMS.timers, CONSUMERS.timers),
      ...consume(STREAMS.advisories, CONSUMERS.advisories),
      // A message that was given up is looked up where it was, and kept.
      ...[STREAMS.ctl, STREAMS.commands, STREAMS.events, STREAMS.timers, STREAMS.dlq].map(get),
      ...[STREAMS.timers, STREAMS.dlq].map(streamInfo),
      // Refused commands and the audit log, which it shows to operators.
      ...[STREAMS.refused, STREAMS.audit].flatMap((stream) => [get(stream), streamInfo(stream)]),
      deleteFrom(STREAMS.dlq),
      purge(STREAMS.timers),
      // Whether a worker has a command, and whether any is there.
      ...CONSUMER_SPECS.filter(({ stream }) => stream === STREAMS.commands).map(({ stream, config }) =>
        consumerInfo(stream, config.durable_name),
      ),
      ...followRecords(BUCKETS.runs),
      ...followRecords(BUCKETS.schedules),
      ...followRecords(BUCKETS.config),
      // With their history: which revision was the last that an orchestrator sealed.
      ...followRecords(BUCKETS.deployments),
      ...readRecords(BUCKETS.replicas),
      streamInfo(kvStreamName(BUCKETS.replicas)),
      ...[BUCKETS.runs, BUCKETS.schedules, BUCKETS.config, BUCKETS.deployments].map((bucket) => kvSubject(bucket, '>')),
      // It checks what verifiers have signed.
      ...readObjects(BUCKETS.models),
      ...findObjects(BUCKETS.reports),
      // Its own facts and commands; a dead letter of any of these streams goes back to the subject that it came from.
      ...[ALL.ctl, ALL.commands, ALL.events, ALL.timers, ALL.dlq, ALL.refused, ALL.audit],
    ],
    subscribe: [
      ...[...Object.values(API), ...Object.values(CTL).map(apiOfCommand)],
      // The same of people with names.
      ...Object.values(CTL).map((command) => `${apiOfCommand(command)}.*`),
      ...heardAs('orchestrator'),
      // The outcome of a command that came by request.
      ...[commandAcceptedSubject, commandRefusedSubject].map((subject) => subject('*')),
      // Workers whose file does not fit, for its log.
      heldBackSubject('*', '*'),
    ],
    answers: true,
  },
  // Beside the images: the detector of faces that the run uses, and the model in service, to which new images are shown.
  collector: worker(
    'collect',
    [
      ...readAndStoreObjects(BUCKETS.datasets),
      ...readAndStoreObjects(BUCKETS.models),
      // The sheet of a night's data, that of the night of the model in service, and what was measured then.
      ...readAndStoreObjects(BUCKETS.reports),
      ...followRecords(BUCKETS.forgotten),
    ],
    [janitorEventSubject('caches', '*'), ...heardAs('collector')],
  ),
  trainer: worker(
    'train',
    [...readObjects(BUCKETS.datasets), ...readAndStoreObjects(BUCKETS.models), ...readAndStoreObjects(BUCKETS.reports)],
    [janitorEventSubject('caches', '*'), ...heardAs('trainer')],
  ),
  verifier: worker(
    'verify',
    [...readObjects(BUCKETS.datasets), ...readAndStoreObjects(BUCKETS.models), ...storeObjects(BUCKETS.reports)],
    [janitorEventSubject('caches', '*'), ...heardAs('verifier')],
  ),
  inference: {
    publish: [
      jetStream,
      ...followRecords(BUCKETS.deployments),
      // Which models are served.
      ...followRecords(BUCKETS.config),
      kvSubject(BUCKETS.replicas, '*.*'),
      ...readObjects(BUCKETS.models),
      ALL.replicaEvents,
      enrolmentSubject('*', '*'),
      get(STREAMS.enrolments),
      streamInfo(STREAMS.enrolments),
      // What was enrolled of a person who is removed.
      deleteFrom(STREAMS.enrolments),
      ...follow(STREAMS.enrolments, enrolmentsOf('*')),
      nextMessageSubject(STREAMS.enrolments, '*'),
      pendingSubject('*', '*'),
      get(STREAMS.pending),
      streamInfo(STREAMS.pending),
      deleteFrom(STREAMS.pending),
      auditSubject('gallery.*'),
    ],
    subscribe: [
      ...infer([...INFER_VERBS, ...GALLERY_VERBS, ...APPROVAL_VERBS, ...PEOPLE_VERBS]),
      ...inferOne(INFER_VERBS),
      ...[...GALLERY_VERBS, ...APPROVAL_VERBS].map((verb) => galleryAs('*', verb, '*')),
      ...heardAs('inference'),
    ],
    answers: true,
  },
  janitor: {
    publish: [
      jetStream,
      ...consume(STREAMS.commands, CONSUMERS.janitor),
      deadLetterSubject(STREAMS.commands, CONSUMERS.janitor),
      // A person is looked for everywhere.
      ...Object.values(STREAMS)
        .filter((stream) => stream !== STREAMS.audit)
        .map(get),
      ...Object.values(BUCKETS)
        .filter((bucket) => !OBJECTS.includes(bucket))
        .flatMap(readRecords),
      ...ERASED.map(deleteFrom),
      // How large each is, which records there are.
      ...names.filter((name) => !OBJECTS.map(objectStreamName).includes(name)).map(streamInfo),
      sweepCommandSubject('*'),
      ...WORK_STAGES.map((stage) => consumerInfo(STREAMS.commands, workerConsumer(stage, 'start'))),
      ...new Set(
        OBJECTS.flatMap((bucket) => [
          streamInfo(objectStreamName(bucket)),
          deleteFrom(objectStreamName(bucket)),
          ...readAndStoreObjects(bucket).filter((right) => right !== get(kvStreamName(BUCKETS.forgotten))),
        ]),
      ),
      ...followRecords(BUCKETS.forgotten).slice(1), // The first is above.
      kvSubject(BUCKETS.forgotten, '>'),
      kvSubject(BUCKETS.runs, 'run.*'),
      enrolmentSubject('*', '*'),
      ...JANITOR_FACTS.map((fact) => janitorEventSubject(fact, '*')),
      // A person who has been away for long enough.
      commandAs(CTL.personForget, JANITOR),
    ],
    subscribe: [
      ...WORK_STAGES.map((stage) => cachesSweptSubject(stage, '*')),
      // A sweep follows.
      ...RUN_STOPS.map((fact) => pipelineEventSubject(fact, '*')),
      ...heardAs('janitor'),
    ],
    answers: true,
  },
  // A viewer's eyes, and those of the doctor for queues and stores. It acts over connections of those who are logged in.
  gateway: {
    publish: [jetStream, ...Object.values(API), ...examine],
    subscribe: [ALL.events, ...heardAs('gateway')],
    answers: true,
  },
  door: { publish: [...infer(['identify', 'verify']), ...inferOne(['identify', 'verify'])], subscribe: [] },
  enroller: {
    publish: [...infer([...INFER_VERBS, ...GALLERY_VERBS, ...PEOPLE_VERBS]), ...inferOne(INFER_VERBS)],
    subscribe: [],
  },
  operator: {
    publish: [
      jetStream,
      ...Object.values(CTL),
      ...Object.values(API),
      ...Object.values(CTL).map(apiOfCommand),
      // The second person; an enroller must not approve what an enroller wants.
      ...infer(APPROVAL_VERBS),
      // To see who is enrolled, and who is to be.
      ...infer(PEOPLE_VERBS),
      ...SERVICES,
      ...examine,
      get(STREAMS.events),
      // With the salt by which a person is named to the janitor.
      ...readObjects(BUCKETS.reports),
      ...fetchObjects(BUCKETS.reports),
    ],
    subscribe: [ALL.events],
  },
  viewer: { publish: [...Object.values(API), ...SERVICES], subscribe: [ALL.events] },
};

/** The rights of a role for one person: commands and changes of a gallery only under subjects that end in the name. */
export function permissionsOfPerson({ who, role }: Person): Permissions {
  const named = (pattern: string) => {
    const command = Object.values(CTL).find((it) => it === pattern || apiOfCommand(it) === pattern);
    if (command) return pattern === command ? commandAs(command, who) : `${pattern}.${who}`;
    const verb = [...GALLERY_VERBS, ...APPROVAL_VERBS].find((it) => inferSubject('*', it) === pattern);
    return verb ? galleryAs('*', verb, who) : pattern;
  };
  const { publish, subscribe } = OWN[role];
  return { publish: publish.map(named), subscribe: [...subscribe, `_INBOX_${who}.>`], answersMs: null };
}

/** With the inbox of each, on which the answers to it come. */
export const PERMISSIONS = Object.fromEntries(
  ROLES.map((role): [Role, Permissions] => {
    const { publish, subscribe, answers } = OWN[role];
    const inbox = `${inboxPrefixOf(role)}.>`;
    return [role, { publish, subscribe: [...subscribe, inbox], answersMs: answers ? ANSWERS_MS : null }];
  }),
  // One for each role, which fromEntries loses.
) as Readonly<Record<Role, Permissions>>;

/** The same rights under the names of a namespace: those of another are not among them. */
export const wirePermissions = (namespace: string, { publish, subscribe, answersMs }: Permissions): Permissions => ({
  publish: publish.map((it) => wireSubject(namespace, it)),
  subscribe: subscribe.map((it) => wireSubject(namespace, it)),
  answersMs,
});

/**
 * Of the collector, beside its own: to read a stream of samples that somebody else owns. The stream has no namespace of ours,
 * so these are subjects as a server knows them.
 */
export const sampleStreamRights = (stream: string): readonly string[] => [
  streamInfo(stream),
  get(stream),
  `${JS_API}.CONSUMER.CREATE.${stream}.*`,
  `${JS_API}.CONSUMER.INFO.${stream}.*`,
  `${JS_API}.CONSUMER.DELETE.${stream}.*`,
  nextMessageSubject(stream, '*'),
];

/** Whether a subject, itself possibly with wildcards, lies within a pattern, as nats-server decides it. */
export function covers(pattern: string, subject: string): boolean {
  const [wanted, given] = [pattern.split('.'), subject.split('.')];
  for (const [index, token] of wanted.entries()) {
    if (token === '>') return given.length > index;
    if (given[index] === undefined || given[index] === '>') return false;
    if (token !== '*' && token !== given[index]) return false;
  }
  return wanted.length === given.length;
}

export const mayPublish = (role: Role, subject: string) =>
  PERMISSIONS[role].publish.some((pattern) => covers(pattern, subject));
export const maySubscribe = (role: Role, subject: string) =>
  PERMISSIONS[role].subscribe.some((pattern) => covers(pattern, subject));
/** Whether the role speaks to JetStream at all. */
export const usesJetStream = (role: Role) => PERMISSIONS[role].publish.includes(jetStream);

export interface Needs {
  /** It reads them. */
  readonly streams: readonly string[];
  /** It may ask for their settings, and so whose they are. */
  readonly marked: readonly string[];
  /** It takes messages from them, or only looks at them. */
  readonly consumers: readonly { readonly stream: string; readonly name: string; readonly takes: boolean }[];
}

/** What must be there before a role can work. */
export function neededBy(role: Role): Needs {
  const has = (right: string) => PERMISSIONS[role].publish.includes(right);
  return {
    streams: names.filter((stream) => has(get(stream))),
    marked: names.filter((stream) => has(streamInfo(stream))),
    consumers: CONSUMER_SPECS.map(({ stream, config }) => ({ stream, name: config.durable_name }))
      .filter(({ stream, name }) => has(consumerInfo(stream, name)))
      .map((it) => ({ ...it, takes: has(nextMessageSubject(it.stream, it.name)) })),
  };
}
