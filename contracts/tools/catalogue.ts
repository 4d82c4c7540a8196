/**
 * All that is said over NATS, channel by channel: its subject as a template, its words for people, and the schema of what
 * travels there. A fact, command or question without its line here does not compile. From it asyncapi.ts and
 * json-schemas.ts make the documents in docs/.
 */
import { z } from 'zod';
import { COMMAND_ENDPOINTS, QUESTIONS } from '../api.ts';
import { AuditEntrySchema } from '../audit.ts';
import { COMMANDS, OutcomeSchema } from '../commands.ts';
import { HeldBackSchema } from '../configuration/record.ts';
import { ScheduleChangedSchema, SlotDecidedSchema, SlotOverdueSchema } from '../configuration/schedule.ts';
import { LetterEndedSchema, LetterKeptSchema } from '../dead-letter.ts';
import { typeOfSubject } from '../envelope.ts';
import {
  CachesCommandSchema,
  CachesSweptSchema,
  ForgetProgressSchema,
  ForgetReportSchema,
  JanitorCommandSchema,
} from '../forgetting.ts';
import * as messages from '../messages.ts';
import { RefusalSchema } from '../refusal.ts';
import { DeploymentSchema } from '../release.ts';
import { ReplicaStatusSchema } from '../replica.ts';
import { SweepCommandSchema, SweepReportSchema } from '../retention.ts';
import * as s from '../subjects.ts';

export interface Channel {
  /** With the names of its parameters in braces. */
  readonly address: string;
  /** One sentence. */
  readonly summary: string;
  /** Of the message, by which schemas are called. */
  readonly name: string;
  readonly schema: z.ZodType;
  /** The stream or bucket that keeps it; absent: nothing does. */
  readonly keptIn?: string;
}
export interface AskedChannel extends Channel {
  readonly answer: { readonly name: string; readonly schema: z.ZodType };
}

export const PARAMETERS: Readonly<Record<string, string>> = {
  runId: 'Id of the run.',
  model: 'Name of the model, as the configuration has it.',
  id: 'Id of what the message is about, as one token: of a command, an order of the janitor, or a process.',
  seq: 'Place of the dead letter in the stream DLQ.',
  replica: 'Name of the replica.',
  timerId: 'Name of the timer.',
  stream: 'Stream in which the message was.',
  consumer: 'Consumer that could not handle it.',
  command: 'Noun and verb of the command, as two tokens; `unknown.command` for any other.',
  action: 'Noun and verb of what was done, as two tokens.',
  requestId: 'Id of the change that waits.',
  personKey: "First 32 hex digits of the SHA-256 of the person's name.",
};

interface Told {
  readonly summary: string;
  readonly schema: z.ZodType;
}
const told = (summary: string, schema: z.ZodType): Told => ({ summary, schema });

const RUN = '{runId}';
const MODEL = '{model}';
const ID = '{id}';

/** `nightshift.evt.train.completed.{runId}` -> `TrainCompleted`. */
export function nameOfAddress(address: string): string {
  const [, , ...tokens] = address.split('.');
  const words = tokens.filter((token) => !/^[{*>]/.test(token)).flatMap((token) => token.split('-'));
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

const channel = (address: string, { summary, schema }: Told, keptIn?: string): Channel => ({
  ...{ address, summary, schema, name: nameOfAddress(address) },
  ...(keptIn === undefined ? {} : { keptIn }),
});

/** One for each fact of a family. */
const facts = <F extends string>(of: (fact: F) => string, table: Readonly<Record<F, Told>>): Channel[] =>
  // The keys of the table, which entries() loses.
  (Object.entries(table) as [F, Told][]).map(([fact, it]) => channel(of(fact), it, s.STREAMS.events));

const { WorkEventSchema, PipelineEventSchema: aboutRun } = messages;
const workFacts = (stage: s.WorkStage): Record<s.WorkFact, Told> => ({
  completed: told(
    `The work of the stage ${stage} is done; large results travel by reference.`,
    z.intersection(WorkEventSchema, messages.CompletedSchemas[stage]),
  ),
  failed: told('The attempt has failed.', messages.FailedSchema),
  cancelled: told('The work was stopped, or will not begin.', WorkEventSchema),
  progressed: told('The work goes on; for people.', messages.ProgressedSchema),
  working: told('Answers `report`: a worker holds the work.', WorkEventSchema),
  absent: told('Answers `report` or `cancel`: no worker holds the work.', WorkEventSchema),
});

export const EVENTS: readonly Channel[] = [
  ...s.WORK_STAGES.flatMap((stage) => [
    ...facts((fact) => s.workEventSubject(stage, fact, RUN), workFacts(stage)),
    channel(
      s.cachesSweptSubject(stage, ID),
      told('Answers `janitor.caches`: what was taken out of the caches of a worker.', CachesSweptSchema),
      s.STREAMS.events,
    ),
    channel(
      s.heldBackSubject(stage, ID),
      told('A worker takes no work, because its file does not fit to the applied configuration.', HeldBackSchema),
      s.STREAMS.events,
    ),
  ]),
  ...facts((fact: s.ReplicaFact) => s.replicaEventSubject(fact, RUN), {
    prepared: told('A replica has loaded and checked the candidate.', messages.ReplicaPreparedSchema),
    refused: told('A replica refuses the candidate.', messages.ReplicaRefusedSchema),
    switched: told(
      'A replica serves the release, and answers nothing by an earlier one any more.',
      messages.ReplicaSwitchedSchema,
    ),
    'out-of-service': told(
      'A replica cannot serve the release and takes no requests.',
      messages.ReplicaOutOfServiceSchema,
    ),
  }),
  ...facts((fact: s.PipelineFact) => s.pipelineEventSubject(fact, RUN), {
    started: told('A run has begun.', aboutRun),
    advanced: told('A run has come to its next state.', aboutRun),
    completed: told('A run has ended well; its candidate serves.', aboutRun),
    rejected: told('A run has ended: its candidate was not good enough.', aboutRun),
    unchanged: told('A run has ended: data and configuration were those of the model in service.', aboutRun),
    failed: told('A run has ended by a failure.', aboutRun),
    'rolled-back': told('A run has ended: its release was taken back.', aboutRun),
    cancelled: told('A run has ended: an operator cancelled it.', aboutRun),
    'needs-operator': told('A run waits for an operator, because a step could not be undone.', aboutRun),
    paused: told('A run is paused.', aboutRun),
    'awaiting-approval': told('A run waits for the approval of its candidate.', aboutRun),
  }),
  ...facts(
    (fact: s.ModelFact) => (fact === 'deployed' ? s.modelDeployedSubject(MODEL) : s.modelRolledBackSubject(MODEL)),
    {
      deployed: told(
        'A release is in service on every live replica: no later reply carries an older one.',
        messages.ModelDeployedSchema,
      ),
      'rolled-back': told(
        'An earlier pair is in service again, under a new release number.',
        messages.ModelDeployedSchema,
      ),
    },
  ),
  ...facts((fact: s.ScheduleFact) => s.scheduleEventSubject(fact, MODEL), {
    decided: told('The fate of a slot of the schedule.', SlotDecidedSchema),
    paused: told('The schedule skips its slots.', ScheduleChangedSchema),
    resumed: told('The schedule starts runs again.', ScheduleChangedSchema),
    overdue: told('A slot has passed, and no night has ended since within the configured time.', SlotOverdueSchema),
  }),
  ...facts(
    (fact: s.OperatorFact) => (fact === 'accepted' ? s.commandAcceptedSubject(ID) : s.commandRefusedSubject(ID)),
    {
      accepted: told('An operator command was obeyed.', OutcomeSchema),
      refused: told('An operator command was refused.', OutcomeSchema),
    },
  ),
  ...facts((fact: s.DeadLetterFact) => s.deadLetterEventSubject(fact, '*').replace('*', '{seq}'), {
    kept: told('A message that nobody could handle was kept.', LetterKeptSchema),
    redriven: told('A dead letter was published again.', LetterEndedSchema),
    dropped: told('A dead letter was thrown away.', LetterEndedSchema),
  }),
  ...facts((fact: s.JanitorFact) => s.janitorEventSubject(fact, ID), {
    progressed: told('The janitor looks for a person.', ForgetProgressSchema),
    completed: told('The janitor has taken a person out of all that is stored.', ForgetReportSchema),
    failed: told(
      'The janitor could not carry out an order.',
      z.object({ id: z.string(), failure: messages.FailureSchema }),
    ),
    caches: told('The janitor asks the workers to take images out of their caches.', CachesCommandSchema),
    swept: told('The janitor has swept the stores.', SweepReportSchema),
  }),
];

export const OPERATOR_COMMANDS: readonly Channel[] = Object.values(s.CTL).map((subject) => {
  const { description, data } = COMMANDS[subject];
  return channel(subject, told(description, data), s.STREAMS.ctl);
});

const { AskCommandSchema } = messages;
export const WORK_COMMANDS: readonly Channel[] = [
  ...s.WORK_STAGES.flatMap((stage) =>
    (
      [
        ['start', told(`Begin an attempt of the stage ${stage}.`, messages.StartSchemas[stage])],
        ['cancel', told('Stop the work.', AskCommandSchema)],
        ['report', told('Say whether a worker holds the work.', AskCommandSchema)],
      ] as const
    ).map(([verb, it]) => channel(s.commandSubject(stage, verb, RUN), it, s.STREAMS.commands)),
  ),
  channel(
    s.janitorCommandSubject(ID),
    told('Take a person out of all that is stored.', JanitorCommandSchema),
    s.STREAMS.commands,
  ),
  channel(
    s.sweepCommandSubject(ID),
    told('Delete what nothing refers to any more.', SweepCommandSchema),
    s.STREAMS.commands,
  ),
];

interface Endpoint {
  readonly description: string;
  readonly question: z.ZodType;
  readonly answer: z.ZodType;
}
const asked = ([address, { description, question, answer }]: [string, Endpoint]): AskedChannel => {
  const name = nameOfAddress(address);
  return {
    ...{ address, summary: description, name: `${name}Question`, schema: question },
    answer: answer === OutcomeSchema ? { name: 'Outcome', schema: answer } : { name: `${name}Answer`, schema: answer },
  };
};
export const QUESTIONS_ASKED: readonly AskedChannel[] = Object.entries<Endpoint>(QUESTIONS).map(asked);
/** Their data is that of the operator command. */
export const COMMANDS_ASKED: readonly AskedChannel[] = Object.entries<Endpoint>(COMMAND_ENDPOINTS).map((entry) => ({
  ...asked(entry),
  name: nameOfAddress(entry[0]),
}));

const TimerSchema = z.looseObject({}).describe('of the orchestrator');
/** Envelopes that Nightshift writes for itself, or for people who look back. */
export const KEPT: readonly Channel[] = (
  [
    [
      'AuditLine',
      s.auditSubject('{action}'),
      'Somebody commanded something, or changed a gallery.',
      AuditEntrySchema,
      s.STREAMS.audit,
    ],
    [
      'Refusal',
      'nightshift.refused.{command}',
      'A command was refused; with its beginning.',
      RefusalSchema,
      s.STREAMS.refused,
    ],
    [
      'TimerSet',
      s.timerScheduleSubject(RUN, '{timerId}'),
      'A durable timer waits at the server.',
      TimerSchema,
      s.STREAMS.timers,
    ],
    ['TimerFired', s.timerFiredSubject(RUN, '{timerId}'), 'A durable timer has fired.', TimerSchema, s.STREAMS.timers],
  ] as const
).map(([name, address, summary, schema, keptIn]) => ({ name, address, summary, schema, keptIn }));

/** The values of records that others may follow. */
export const RECORDS: readonly Channel[] = [
  {
    ...{ address: `$KV.nightshift_${s.BUCKETS.replicas}.${MODEL}.{replica}`, name: 'ReplicaStatus' },
    summary: "A replica's heartbeat, with a time to live: its absence means that the replica is gone.",
    ...{ schema: ReplicaStatusSchema, keptIn: s.BUCKETS.replicas },
  },
  {
    ...{ address: `$KV.nightshift_${s.BUCKETS.deployments}.${MODEL}`, name: 'Deployment' },
    summary: 'The release in service, with its ledger: the state on which replicas converge.',
    ...{ schema: DeploymentSchema, keptIn: s.BUCKETS.deployments },
  },
];

/** Of all events and commands, in the order of the tables. */
export const TYPES: readonly string[] = [...EVENTS, ...OPERATOR_COMMANDS, ...WORK_COMMANDS].map(({ address }) =>
  typeOfSubject(address),
);
