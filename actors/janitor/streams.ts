/**
 * The person in messages and records. Facts that name them are erased, revisions of records as well; the latest record of
 * an ended run is written anew without the name, because the run would be gone with it.
 */
import type { StoredMsg } from '@nats-io/jetstream';
import { BUCKETS, forgottenSubject, STREAMS } from '../../contracts/subjects.ts';
import { parseSubject } from '../../contracts/parse-subject.ts';
import { enrolledName } from '../../infra/stores/enrolment-log.ts';
import { kvStreamName } from '../../infra/topology/streams.ts';
import type { KeptRecords } from '../../infra/stores/kept-records.ts';
import { wordsWithout } from '../../services/forgetting/json-without.ts';
import { theirsOf, type Forgetting } from './context.ts';

/** All subjects. */
const EVERYTHING = '>';

/** Spellings of the name among those who were enrolled; and the models that have enrolments. */
export async function lookThroughEnrolments(f: Forgetting): Promise<ReadonlySet<string>> {
  const models = new Set<string>();
  for await (const message of f.eraser.messages(STREAMS.enrolments, EVERYTHING)) {
    const parsed = parseSubject(message.subject);
    if (parsed.family === 'enrolment') models.add(parsed.model);
    const name = enrolledName(message);
    if (name !== null && f.isPerson(name)) f.found.names.add(name);
  }
  return models;
}

/**
 * Images, and removals with the name; those of others stay. Of the messages that tell replicas to forget this person, each
 * model keeps the latest.
 */
export async function eraseEnrolments(f: Forgetting): Promise<void> {
  const told = new Map<string, StoredMsg>();
  for await (const message of f.eraser.messages(STREAMS.enrolments, EVERYTHING)) {
    f.tally.add(STREAMS.enrolments, 'changes of galleries', 'looked');
    const name = enrolledName(message);
    if (name !== null && f.isPerson(name)) await erase(f, STREAMS.enrolments, message, 'changes of galleries');
    const parsed = parseSubject(message.subject);
    if (parsed.family !== 'enrolment' || message.subject !== forgottenSubject(parsed.model, f.person)) continue;
    const before = told.get(message.subject);
    told.set(message.subject, message);
    if (before && !f.isDry) await f.eraser.eraseMessage(STREAMS.enrolments, before.seq);
  }
}

/** Changes that wait for a second person, with the image. */
export async function erasePending(f: Forgetting): Promise<void> {
  for await (const message of f.eraser.messages(STREAMS.pending, EVERYTHING)) {
    f.tally.add(STREAMS.pending, 'changes that wait', 'looked');
    const name = enrolledName(message);
    if (name === null || !f.isPerson(name)) continue;
    f.found.names.add(name);
    await erase(f, STREAMS.pending, message, 'changes that wait');
  }
}

export async function eraseFacts(f: Forgetting, stream: string): Promise<void> {
  const { mentions } = theirsOf(f);
  for await (const message of f.eraser.messages(stream, EVERYTHING)) {
    f.tally.add(stream, 'messages', 'looked');
    if (mentions.isIn(allOf(message))) await erase(f, stream, message, 'messages');
  }
}

/** Work that waits names people in an operator's words at most. */
export async function lookThroughQueue(f: Forgetting, stream: string): Promise<void> {
  const { mentions } = theirsOf(f);
  for await (const message of f.eraser.messages(stream, EVERYTHING)) {
    f.tally.add(stream, 'messages', 'looked');
    if (mentions.isIn(allOf(message))) leave(f, stream, 'messages', 'a message that waits names them');
  }
}

export async function lookThroughRecords(f: Forgetting, bucket: string): Promise<void> {
  const { mentions } = theirsOf(f);
  for await (const message of f.eraser.messages(kvStreamName(bucket), EVERYTHING)) {
    f.tally.add(bucket, 'records', 'looked');
    if (mentions.isIn(allOf(message))) leave(f, bucket, 'records', "a record names them in an operator's words");
  }
}

/** Runs are ended when this is called, or the operator's command would have been refused. */
export async function rewriteRuns(f: Forgetting, runs: KeptRecords): Promise<void> {
  const { mentions } = theirsOf(f);
  const stream = kvStreamName(BUCKETS.runs);
  const latest = new Map<string, StoredMsg>();
  for await (const message of f.eraser.messages(stream, EVERYTHING)) {
    f.tally.add(BUCKETS.runs, 'records', 'looked');
    const before = latest.get(message.subject);
    latest.set(message.subject, message);
    if (before && mentions.isIn(contentOf(before))) await erase(f, stream, before, 'records');
  }
  for (const message of latest.values()) {
    const content = contentOf(message);
    if (!mentions.isIn(content)) continue;
    f.tally.add(BUCKETS.runs, 'records', 'changed');
    if (f.isDry) continue;
    await runs.change(message, (value) => wordsWithout(value, mentions));
    if (!(await f.eraser.eraseMessage(stream, message.seq))) leave(f, BUCKETS.runs, 'records', OLD_BUCKET);
  }
}

const OLD_BUCKET = 'the bucket was made before 0.4.0, so that single revisions cannot be erased from it';

async function erase(f: Forgetting, stream: string, { seq }: StoredMsg, what: string): Promise<void> {
  const place = stream === kvStreamName(BUCKETS.runs) ? BUCKETS.runs : stream;
  if (f.isDry || (await f.eraser.eraseMessage(stream, seq))) f.tally.add(place, what, 'removed');
  else leave(f, place, what, OLD_BUCKET);
}

function leave({ tally }: Forgetting, place: string, what: string, why: string): void {
  tally.add(place, what, 'left');
  tally.remark(`${place}: ${why}`);
}

/** Its headers, too: those of a dead letter say in words why it is one. */
const allOf = (message: StoredMsg): unknown => [
  contentOf(message),
  [...message.header].flatMap(([, values]) => values),
];

/** Parsed where it is JSON. */
function contentOf(message: StoredMsg): unknown {
  const text = message.string();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Text, and some bytes.
    return text;
  }
}
