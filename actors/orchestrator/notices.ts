/**
 * From a stored fact to the notice that people get of it: which occasion it is, and what is known of its run. Null for a
 * fact that is no occasion. notifications.ts sends it.
 */
import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { SlotDecidedSchema, SlotOverdueSchema } from '../../contracts/configuration/schedule.ts';
import { LetterKeptSchema } from '../../contracts/dead-letter.ts';
import { parseData } from '../../contracts/envelope.ts';
import { FailedSchema, PipelineEventSchema } from '../../contracts/messages.ts';
import type { Failure } from '../../contracts/errors.ts';
import type { Notice, NoticeKind } from '../../contracts/notification.ts';
import { parseSubject } from '../../contracts/parse-subject.ts';
import { causeInWords, stateInWords } from '../../contracts/run-words.ts';
import { STREAMS, workEventSubject, type PipelineFact, type Stage } from '../../contracts/subjects.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import { CONSUMERS } from '../../infra/topology/consumers.ts';
import type { Checkpoint } from '../../machines/step.ts';
import { runKey, type OrchestratorContext } from './context.ts';

type Told = Omit<Notice, 'link' | 'at'>;

const NIGHT_ENDS: Readonly<Partial<Record<PipelineFact, { kind: NoticeKind; title: string }>>> = {
  failed: { kind: 'failed', title: 'the night failed' },
  rejected: { kind: 'rejected', title: 'the candidate was rejected' },
  'rolled-back': { kind: 'rolled-back', title: 'the release was rolled back' },
  'needs-operator': { kind: 'needs-operator', title: 'a run needs an operator' },
  'awaiting-approval': { kind: 'held', title: 'a run waits for approval' },
};

/** The facts of runs that are told to people. */
export const TOLD_FACTS = Object.keys(NIGHT_ENDS) as readonly PipelineFact[]; // The keys of the table above.

export async function noticeOf(o: OrchestratorContext, delivery: Delivery): Promise<Notice | null> {
  const told = await toldOf(o, delivery);
  if (told === null) return null;
  const { consoleUrl, details } = o.notify;
  const link = consoleUrl === undefined ? null : linkTo(consoleUrl, told.runId);
  const notice = { ...told, at: delivery.envelope.time ?? delivery.time.toISOString(), link };
  return details ? notice : withoutDetails(notice);
}

/** Of a fact that comes again, the same; with no dot in it, because a signature is over parts that dots keep apart. */
export const noticeId = ({ envelope }: Delivery, { kind, model, runId }: Notice): string =>
  `ns_${createHash('sha256')
    .update(JSON.stringify([kind, model, runId, envelope.id]))
    .digest('hex')
    .slice(0, 32)}`;

async function toldOf(o: OrchestratorContext, { subject, envelope }: Delivery): Promise<Told | null> {
  const event = parseSubject(subject);
  if (event.family === 'pipeline-event') return ofRun(o, event.fact, parseData(PipelineEventSchema, envelope));
  if (event.family === 'dead-letter-event' && event.fact === 'kept')
    return ofLetter(parseData(LetterKeptSchema, envelope));
  if (event.family !== 'schedule-event') return null;
  if (event.fact === 'overdue') {
    const { model, runId, reason } = parseData(SlotOverdueSchema, envelope);
    return missed(model, runId, reason);
  }
  if (event.fact !== 'decided') return null;
  const { model, slot, decision, reason, count = 1 } = parseData(SlotDecidedSchema, envelope);
  if (decision !== 'missed') return null;
  const nights = count > 1 ? `${count} slots from ${slot} on were missed` : `the slot ${slot} was missed`;
  return missed(model, null, `${nights}: ${reason}`);
}

const missed = (model: string, runId: string | null, cause: string): Told => ({
  ...{ kind: 'missed-night', title: `${model}: a night did not happen`, model, runId },
  ...{ stage: null, cause, failure: null, lastLines: [] },
});

async function ofRun(
  o: OrchestratorContext,
  fact: PipelineFact,
  { runId, model, state, failure }: z.infer<typeof PipelineEventSchema>,
): Promise<Told | null> {
  const known = NIGHT_ENDS[fact];
  if (known === undefined) return null;
  const checkpoint = (await o.runs.load(runKey(runId)))?.value ?? null;
  const isOpen = fact === 'rejected' && checkpoint?.context.verification?.verdict === 'inconclusive';
  const { kind, title } = isOpen
    ? ({ kind: 'inconclusive', title: 'the verification was inconclusive' } as const)
    : known;
  const stage = checkpoint && stageOf(checkpoint);
  return {
    ...{ kind, title: `${model}: ${title}`, model, runId, stage },
    cause: causeOf(fact, state, checkpoint),
    failure: failure && { code: failure.code, message: failure.message },
    lastLines: failure && stage ? await lastLinesOf(o, runId, stage, failure) : [],
  };
}

/** As the worker said them with this failure. None of one that ended without a word, or if the stage is the deployment. */
async function lastLinesOf(o: OrchestratorContext, runId: string, stage: Stage, { code, message }: Failure) {
  if (stage === 'deploy') return [];
  const stored = await o.bus.lastOn(STREAMS.events, workEventSubject(stage, 'failed', runId));
  const said = FailedSchema.safeParse(stored?.data);
  const isOfThis = said.success && said.data.failure.code === code && said.data.failure.message === message;
  return isOfThis ? (said.data.lastLines ?? []).slice(-LAST_LINES_MAX) : [];
}

/** A worker sends no more; a notice stays a page. */
const LAST_LINES_MAX = 10;

/** The run may have moved on since: only a state that is still the same says more of it. */
function causeOf(fact: PipelineFact, state: string, checkpoint: Checkpoint | null): string {
  const { holds = [], verification } = checkpoint?.context ?? {};
  if (fact === 'awaiting-approval' && holds.length > 0) return holds.join('; ');
  if (fact === 'rejected' && verification && verification.reasons.length > 0) return verification.reasons.join('; ');
  const words = stateInWords(state);
  return checkpoint && checkpoint.status === 'done' ? `${words}: ${causeInWords(checkpoint.cause)}` : words;
}

/** By what the run has got so far. */
function stageOf({ context }: Checkpoint): Stage {
  if (context.dataset === null || (context.holds.length > 0 && context.candidate === null)) return 'collect';
  if (context.candidate === null) return 'train';
  return context.verification === null || !context.verification.admitted ? 'verify' : 'deploy';
}

/** That a notice could not be sent is told by no notice. */
function ofLetter({ seq, subject, consumer, code, error }: z.infer<typeof LetterKeptSchema>): Told | null {
  if (consumer === CONSUMERS.notifications) return null;
  return {
    ...{ kind: 'dead-letter', title: `a message was given up: dead letter ${seq}`, model: null, runId: null },
    ...{ stage: null, cause: `nobody could handle ${subject || 'a message'}; see \`nightshift dlq show ${seq}\`` },
    failure: { code, message: error },
    lastLines: [],
  };
}

/** `#/runs/<runId>` is the console's own address of a run. */
function linkTo(consoleUrl: string, runId: string | null): string {
  const base = consoleUrl.replace(/\/+$/, '');
  return runId === null ? `${base}/` : `${base}/#/runs/${runId}`;
}

const withoutDetails = (notice: Notice): Notice => ({
  ...notice,
  cause: null,
  lastLines: [],
  failure: notice.failure && { ...notice.failure, message: null },
});
