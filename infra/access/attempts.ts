/**
 * What each identity is expected to be able to do, and all others not: the attacks of the threat model and the daily
 * work, each as one message. Written by hand and not derived from permissions.ts, which it holds to account. No attempt
 * changes anything where it is allowed: see `NO_STREAM`, `NO_BODY` and `NOBODY`. Tried by check.ts.
 */
import { serviceOf, type Role } from '../../contracts/roles.ts';
import {
  ALL,
  API,
  BUCKETS,
  commandSubject,
  CTL,
  inferSubject,
  STREAMS,
  timerScheduleSubject,
  workEventSubject,
} from '../../contracts/subjects.ts';
import { chunkSubject, kvStreamName, kvSubject, objectMetaSubject, objectStreamName } from '../topology/streams.ts';

export interface Attempt {
  readonly attempt: string;
  readonly by: 'publish' | 'subscribe';
  readonly subject: string;
  readonly body?: string;
  /** Of the message; `NO_STREAM` for all that a stream would store. */
  readonly headers?: Readonly<Record<string, string>>;
  /** All that may. */
  readonly allowed: readonly Role[];
}

/** The stream that holds the subject refuses the message, because it has another name. */
const NO_STREAM = { 'Nats-Expected-Stream': 'nightshift-auth-check' } as const;
/** JetStream refuses a body that is no JSON, or where there should be none. */
const NO_BODY = 'nightshift auth check';
/** A model and a run that do not exist. */
const NOBODY = 'nightshift-auth-check';

const publish = (attempt: string, subject: string, allowed: readonly Role[], more: Partial<Attempt> = {}): Attempt => ({
  ...{ attempt, by: 'publish', subject, allowed, body: NO_BODY },
  ...more,
});
const store = (attempt: string, subject: string, allowed: readonly Role[]): Attempt =>
  publish(attempt, subject, allowed, { headers: NO_STREAM });
const hear = (attempt: string, subject: string, allowed: readonly Role[]): Attempt => ({
  ...{ attempt, by: 'subscribe', subject, allowed },
});

const API_ROOT = '$JS.API';
const runs = kvStreamName(BUCKETS.runs);
const datasets = objectStreamName(BUCKETS.datasets);
const reports = objectStreamName(BUCKETS.reports);

export const ATTEMPTS: readonly Attempt[] = [
  // Nobody.
  publish('delete a stream', `${API_ROOT}.STREAM.DELETE.${runs}`, []),
  publish('purge the runs', `${API_ROOT}.STREAM.PURGE.${runs}`, []),
  publish('purge the facts', `${API_ROOT}.STREAM.PURGE.${STREAMS.events}`, []),
  publish('delete a consumer', `${API_ROOT}.CONSUMER.DELETE.${STREAMS.commands}.${NOBODY}`, []),
  publish('list all streams', `${API_ROOT}.STREAM.LIST`, ['setup']),
  publish('restore a stream', `${API_ROOT}.STREAM.RESTORE.${runs}`, []),
  publish('take a snapshot of the faces', `${API_ROOT}.STREAM.SNAPSHOT.${datasets}`, []),
  hear('listen to all answers', '_INBOX.>', []),
  hear('listen to the answers to the operator', '_INBOX_operator.>', ['operator']),
  hear('listen to what stands at the doors', inferSubject(NOBODY, 'identify'), ['inference']),
  hear('listen to everything', '>', []),
  // One.
  publish('change a stream', `${API_ROOT}.STREAM.UPDATE.${STREAMS.events}`, ['setup']),
  publish('make a consumer of the commands', `${API_ROOT}.CONSUMER.DURABLE.CREATE.${STREAMS.commands}.train-start`, [
    'setup',
  ]),
  store('put a model into service', kvSubject(BUCKETS.deployments, NOBODY), ['orchestrator']),
  store('change the configuration past its history', kvSubject(BUCKETS.config, NOBODY), ['orchestrator']),
  store('change a run', kvSubject(BUCKETS.runs, NOBODY), ['orchestrator']),
  store('set a timer', timerScheduleSubject(NOBODY, NOBODY), ['orchestrator']),
  store('command a trainer', commandSubject('train', 'start', NOBODY), ['orchestrator']),
  hear('answer in place of the orchestrator', API.status, ['orchestrator']),
  hear('be found in place of the trainer', `$SRV.PING.${serviceOf('trainer')}`, ['trainer']),
  // The orchestrator sends dead letters back to the stream that they came from.
  store('say that a model is verified', workEventSubject('verify', 'completed', NOBODY), ['verifier', 'orchestrator']),
  store('say that a model is trained', workEventSubject('train', 'completed', NOBODY), ['trainer', 'orchestrator']),
  store('be a replica', kvSubject(BUCKETS.replicas, `${NOBODY}.${NOBODY}`), ['inference']),
  // Several.
  publish('read faces', `${API_ROOT}.DIRECT.GET.${datasets}`, ['collector', 'trainer', 'verifier', 'janitor']),
  store('write faces', objectMetaSubject(BUCKETS.datasets, NOBODY), ['collector', 'janitor']),
  store('write models', objectMetaSubject(BUCKETS.models, NOBODY), ['collector', 'trainer', 'verifier', 'janitor']),
  publish('enrol somebody', inferSubject(NOBODY, 'enroll'), ['enroller']),
  publish('remove somebody', inferSubject(NOBODY, 'remove'), ['enroller']),
  publish('ask who it is', inferSubject(NOBODY, 'identify'), ['door', 'enroller']),
  publish('ask who is enrolled', inferSubject(NOBODY, 'people'), ['enroller', 'operator']),
  publish('see a picture of somebody who is enrolled', inferSubject(NOBODY, 'picture'), ['enroller', 'operator']),
  publish('approve what another wants', inferSubject(NOBODY, 'approve'), ['operator']),
  publish('reject what another wants', inferSubject(NOBODY, 'reject'), ['operator']),
  publish(
    'fetch the chunks of a report',
    `${API_ROOT}.CONSUMER.CREATE.${reports}.x.${chunkSubject(BUCKETS.reports, 'x')}`,
    ['operator'],
  ),
  store('start a run', CTL.pipelineStart, ['operator', 'orchestrator']),
  store('roll back', CTL.modelRollback, ['operator', 'orchestrator']),
  store('apply a configuration', CTL.configApply, ['operator', 'orchestrator']),
  publish('ask for the status', API.status, ['operator', 'viewer', 'gateway'], { body: '' }),
  hear('watch everything that happens', ALL.events, ['operator', 'viewer', 'gateway']),
];
