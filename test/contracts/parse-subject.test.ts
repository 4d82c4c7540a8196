/** Every builder of subjects, and the way back from what it builds. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseSubject, type ParsedSubject } from '../../contracts/parse-subject.ts';
import * as subjects from '../../contracts/subjects.ts';

const {
  COMMAND_VERBS,
  DEAD_LETTER_FACTS,
  APPROVAL_VERBS,
  GALLERY_VERBS,
  INFER_VERBS,
  JANITOR_FACTS,
  PEOPLE_VERBS,
  PIPELINE_FACTS,
  REPLICA_FACTS,
  SCHEDULE_FACTS,
  WORK_FACTS,
  WORK_STAGES,
} = subjects;

type Pair = readonly [subject: string, parsed: ParsedSubject];
const runId = 'slot-20260101T020000-face';
const model = 'face_2';

/** By the name of the builder: what it builds of each choice that it has, and what must come back. */
const BUILT: Readonly<Record<string, readonly Pair[]>> = {
  commandSubject: WORK_STAGES.flatMap((stage) =>
    COMMAND_VERBS.map((verb): Pair => [
      subjects.commandSubject(stage, verb, runId),
      { family: 'command', stage, verb, runId },
    ]),
  ),
  workEventSubject: WORK_STAGES.flatMap((stage) =>
    WORK_FACTS.map((fact): Pair => [
      subjects.workEventSubject(stage, fact, runId),
      { family: 'work-event', stage, fact, runId },
    ]),
  ),
  replicaEventSubject: REPLICA_FACTS.map((fact) => [
    subjects.replicaEventSubject(fact, runId),
    { family: 'replica-event', fact, runId },
  ]),
  pipelineEventSubject: PIPELINE_FACTS.map((fact) => [
    subjects.pipelineEventSubject(fact, runId),
    { family: 'pipeline-event', fact, runId },
  ]),
  modelDeployedSubject: [[subjects.modelDeployedSubject(model), { family: 'model-event', fact: 'deployed', model }]],
  modelRolledBackSubject: [
    [subjects.modelRolledBackSubject(model), { family: 'model-event', fact: 'rolled-back', model }],
  ],
  scheduleEventSubject: SCHEDULE_FACTS.map((fact) => [
    subjects.scheduleEventSubject(fact, model),
    { family: 'schedule-event', fact, model },
  ]),
  commandAcceptedSubject: [
    [
      subjects.commandAcceptedSubject(subjects.commandToken('run.7')),
      { family: 'operator-event', fact: 'accepted', commandToken: 'run-7' },
    ],
  ],
  commandRefusedSubject: [
    [subjects.commandRefusedSubject('c-1'), { family: 'operator-event', fact: 'refused', commandToken: 'c-1' }],
  ],
  deadLetterEventSubject: DEAD_LETTER_FACTS.map((fact) => [
    subjects.deadLetterEventSubject(fact, 17),
    { family: 'dead-letter-event', fact, seq: 17 },
  ]),
  timerScheduleSubject: [
    [subjects.timerScheduleSubject(runId, 't-1'), { family: 'timer', place: 'at', runId, timerId: 't-1' }],
  ],
  timerFiredSubject: [
    [subjects.timerFiredSubject(runId, 't-1'), { family: 'timer', place: 'fire', runId, timerId: 't-1' }],
  ],
  slotSubject: [[subjects.slotSubject(model), { family: 'slot', model }]],
  deadLetterSubject: [
    [
      subjects.deadLetterSubject('COMMANDS', 'train-start'),
      { family: 'dead-letter', stream: 'COMMANDS', consumer: 'train-start' },
    ],
  ],
  refusedSubject: [
    ...Object.values(subjects.CTL).map((command): [string, ParsedSubject] => [
      subjects.refusedSubject(command),
      { family: 'refusal', command },
    ]),
    [subjects.refusedSubject(null), { family: 'refusal', command: null }],
  ],
  inferAt: INFER_VERBS.map((verb) => [
    subjects.inferAt(model, verb, 'r-1'),
    { family: 'infer', model, verb, who: null, replica: 'r-1' },
  ]),
  inferSubject: [...INFER_VERBS, ...GALLERY_VERBS, ...APPROVAL_VERBS, ...PEOPLE_VERBS].map((verb) => [
    subjects.inferSubject(model, verb),
    { family: 'infer', model, verb, who: null },
  ]),
  galleryAs: [...GALLERY_VERBS, ...APPROVAL_VERBS].map((verb) => [
    subjects.galleryAs(model, verb, 'alice'),
    { family: 'infer', model, verb, who: 'alice' },
  ]),
  pendingSubject: [[subjects.pendingSubject(model, 'q-1'), { family: 'pending', model, requestId: 'q-1' }]],
  auditSubject: [[subjects.auditSubject('gallery.enroll'), { family: 'audit', action: 'gallery.enroll' }]],
  commandAs: Object.values(subjects.CTL).map((command) => [
    subjects.commandAs(command, 'alice'),
    { family: 'operator-command', command, who: 'alice' },
  ]),
  enrolmentSubject: [[subjects.enrolmentSubject(model, 'QWRh'), { family: 'enrolment', model, personKey: 'QWRh' }]],
  janitorEventSubject: JANITOR_FACTS.map((fact) => [
    subjects.janitorEventSubject(fact, 'forget-1'),
    { family: 'janitor-event', fact, id: 'forget-1' },
  ]),
  janitorCommandSubject: [[subjects.janitorCommandSubject('forget-1'), { family: 'janitor-command', id: 'forget-1' }]],
  sweepCommandSubject: [[subjects.sweepCommandSubject('gc-1'), { family: 'sweep-command', id: 'gc-1' }]],
  cachesSweptSubject: WORK_STAGES.map((stage) => [
    subjects.cachesSweptSubject(stage, 'forget-1'),
    { family: 'caches-event', stage, id: 'forget-1' },
  ]),
  heldBackSubject: WORK_STAGES.map((stage) => [
    subjects.heldBackSubject(stage, 'a1'),
    { family: 'held-back-event', stage, id: 'a1' },
  ]),
  forgottenSubject: [
    [subjects.forgottenSubject(model, 'a1'), { family: 'enrolment', model, personKey: 'forgotten-a1' }],
  ],
  apiOfCommand: [[subjects.apiOfCommand(subjects.CTL.dlqDrop), { family: 'api', of: 'dlq.drop' }]],
};

/** Builders of other names: no subject with parts, or one with a wildcard. */
const NO_SUBJECT = ['commandToken', 'inferQueue', 'enrolmentsOf', 'pendingOf', 'workEventsOf'];

test('subjects: what a builder builds is parsed into what was put in', () => {
  for (const [builder, pairs] of Object.entries(BUILT)) {
    assert.ok(pairs.length > 0, builder);
    for (const [subject, parsed] of pairs) assert.equal(parseSubject(subject), parsed, `${builder}: ${subject}`);
  }
});

test('subjects: no builder is left out', () => {
  const builders = Object.entries(subjects).flatMap(([name, value]) => (typeof value === 'function' ? [name] : []));
  assert.equal(builders.sort(), [...Object.keys(BUILT), ...NO_SUBJECT].sort());
});

test('subjects: commands of operators and questions are parsed into their names', () => {
  for (const command of Object.values(subjects.CTL)) {
    assert.equal(parseSubject(command), { family: 'operator-command', command, who: null });
  }
  for (const subject of Object.values(subjects.API)) {
    assert.equal(parseSubject(subject), { family: 'api', of: subject.slice(subjects.API_PREFIX.length) });
  }
});

test('subjects: anything else is unknown', () => {
  const foreign = [
    '',
    'nightshift',
    'nightshift.evt',
    'someone.evt.train.completed.n1',
    'nightshift.evt.train.completed',
    'nightshift.evt.train.completed.n1.more',
    'nightshift.evt.train.exploded.n1',
    'nightshift.evt.singer.completed.n1',
    'nightshift.evt.train.completed.',
    'nightshift.evt.dlq.dropped.first',
    'nightshift.cmd.deploy.start.n1',
    'nightshift.cmd.janitor.start.n1',
    'nightshift.evt.janitor.exploded.n1',
    'nightshift.cmd.train.start.*',
    'nightshift.ctl.pipeline.explode',
    'nightshift.ctl.>',
    'nightshift.refused.pipeline.explode',
    // A role, a program and nobody are no people, and only changes of the gallery are made by people.
    'nightshift.ctl.pipeline.start.operator',
    'nightshift.ctl.pipeline.start.schedule',
    'nightshift.ctl.pipeline.start.trainer',
    'nightshift.ctl.pipeline.start.anonymous',
    'nightshift.ctl.pipeline.start.alice, unproven',
    'nightshift.ctl.pipeline.start.alice.bob',
    'nightshift.infer.face.enroll.enroller',
    'nightshift.infer.face.identify.alice',
    'nightshift.timer.cron.face',
    'nightshift.timer.later.n1.t1',
    'nightshift.infer.face.sing',
    'nightshift.infer.face.enroll.at.r-1',
    'nightshift.infer.face.identify.to.r-1',
    'nightshift.enrol.face.>',
    '$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.CTL.orchestrator-ctl',
  ];
  for (const subject of foreign) assert.equal(parseSubject(subject), { family: 'unknown' }, subject);
});

test.run();
