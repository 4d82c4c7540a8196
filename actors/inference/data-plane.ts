/**
 * The replica's ear on the data plane: queue subscriptions on `nightshift.infer.<model>.<verb>`, raw image bytes in,
 * JSON out, errors in the manner of NATS micro. A request that NATS handed to this replica is answered, whatever
 * happens.
 */
import { headers, type Msg, type NatsConnection, type Subscription } from '@nats-io/nats-core';
import { PipelineError, toFailure } from '../../contracts/errors.ts';
import { identityOf, type Identity, type SenderRole } from '../../contracts/identity.ts';
import { INFER_HEADERS, inferStatus } from '../../contracts/inference.ts';
import { personName } from '../../contracts/person-name.ts';
import { parseSubject, type AnyInferVerb } from '../../contracts/parse-subject.ts';
import {
  APPROVAL_VERBS,
  GALLERY_VERBS,
  INFER_VERBS,
  PEOPLE_VERBS,
  inferAt,
  inferQueue,
  inferSubject,
} from '../../contracts/subjects.ts';
import { isAnswerable } from '../../infra/messaging/answerable.ts';
import { demandsLogin } from '../../infra/messaging/connection.ts';
import { fromWire, hear } from '../../infra/messaging/wire.ts';
import { answer, type Vouching } from '../../services/serving/replica/answer.ts';
import { approveChange, changeGallery, rejectChange, type GalleryRequestOptions } from './gallery-requests.ts';
import { peopleOf, pictureOf } from './people.ts';
import { Room } from '../../services/serving/replica/room.ts';
import type { RecogniseRequest } from '../../services/serving/replica/request.ts';
import type { DataPlane } from '../../services/serving/replica/service.ts';
import type { ServingTraces } from './serving-traces.ts';

export interface DataPlaneOptions extends GalleryRequestOptions, Vouching {
  readonly nc: NatsConnection;
  readonly model: string;
  readonly replicaId: string;
  /**
   * Requests taken at once, also those whose image is still being decoded, shared among the clients as room.ts does it. One
   * more is refused with OVERLOADED.
   */
  readonly places: number;
  /** Absent or null: nobody wants traces. */
  readonly traces?: ServingTraces | null | undefined;
}

type Verb = AnyInferVerb;

/** For requests without a deadline of their own: longer than any client should wait. */
const DEADLINE_DEFAULT_MS = 10_000;
/** From here on the fault is not the client's. */
const FAULT_STATUS_MIN = 500;

export function createDataPlane(options: DataPlaneOptions): DataPlane {
  const { nc, model, replicaId } = options;
  const underWay = new Set<Promise<void>>();
  const room = new Room(options.places);
  let subscriptions: readonly Subscription[] = [];
  const take = (verb: Verb, message: Msg) => {
    const client = clientOf(message);
    if (!room.enter(client)) return refuse(options, message, room.heldBy(client));
    const work = respond(options, verb, message).finally(() => {
      underWay.delete(work);
      room.leave(client);
    });
    underWay.add(work);
  };
  const onMessage = (verb: Verb) => (error: Error | null, message: Msg) => {
    if (error) options.log.error({ err: error, verb }, 'replica: a subscription ended');
    else if (isAnswerable(message, options.log)) take(verb, message);
  };
  const subscribe = ([subject, verb]: readonly [subject: string, verb: Verb]) =>
    hear(nc, subject, onMessage(verb), { queue: inferQueue(model) });
  return {
    get isOpen() {
      return subscriptions.length > 0;
    },
    open: () => {
      subscriptions = subjectsOf(model, replicaId).map(subscribe);
    },
    close: async () => {
      const closing = subscriptions;
      subscriptions = [];
      if (!nc.isClosed()) await Promise.all(closing.map((subscription) => subscription.drain()));
      await Promise.all(underWay);
    },
  };
}

/** A change of the gallery may have the token of a named person behind it, which only that one may publish. */
function subjectsOf(model: string, replicaId: string): (readonly [subject: string, verb: Verb])[] {
  const named = [...GALLERY_VERBS, ...APPROVAL_VERBS];
  const plain = [...INFER_VERBS, ...named, ...PEOPLE_VERBS].map((verb) => [inferSubject(model, verb), verb] as const);
  const own = INFER_VERBS.map((verb) => [inferAt(model, verb, replicaId), verb] as const);
  return [...plain, ...own, ...named.map((verb) => [`${inferSubject(model, verb)}.*`, verb] as const)];
}

async function respond(options: DataPlaneOptions, verb: Verb, message: Msg): Promise<void> {
  const trace = options.traces?.begin(verb, message.headers);
  try {
    const request = parseRequest(verb, message, trace?.onTimes);
    const reply = await replyTo(options, request, fromWire(options.nc, message.subject));
    message.respond(reply instanceof Uint8Array ? reply : JSON.stringify({ ...reply, replica: options.replicaId }));
    trace?.answered(reply);
  } catch (error) {
    const failure = toFailure(error);
    const isOurs = inferStatus(failure.code) >= FAULT_STATUS_MIN;
    if (isOurs) options.log.warn({ verb, err: error, ...trace?.logFields }, 'replica: a request failed');
    respondFailure(options, message, error);
    trace?.failed(failure.code, isOurs);
  }
}

/** Bytes go out as they are. */
async function replyTo(options: DataPlaneOptions, request: RecogniseRequest<Verb>, subject: string): Promise<object> {
  const { verb } = request;
  switch (verb) {
    case 'enroll':
    case 'remove':
      return changeGallery(options, { ...request, verb }, senderOf(options, subject, 'enroller'));
    case 'approve':
      return approveChange(options, { ...request, verb }, senderOf(options, subject, 'operator'));
    case 'reject':
      return rejectChange(options, { ...request, verb }, senderOf(options, subject, 'operator'));
    case 'pending':
      return { pending: await options.pending.list() };
    case 'people':
      return peopleOf(options, { ...request, verb });
    case 'picture':
      return pictureOf(options, { ...request, verb });
    case 'embed':
    case 'identify':
    case 'verify':
      return answer(options.replica, { ...request, verb }, options);
  }
}

/** Throws REQUEST_INVALID if the token behind the verb is nobody's name. */
function senderOf({ nc }: DataPlaneOptions, subject: string, role: SenderRole): Identity {
  const parsed = parseSubject(subject);
  if (parsed.family === 'infer') return identityOf(parsed.who, role, demandsLogin(nc));
  throw new PipelineError('REQUEST_INVALID', `${subject}: its last token is not the name of a person`);
}

/**
 * The connection that a request came by: its inbox without the last token, which is another for each request. Requests
 * whose inbox has nothing else count as one client, and so do those that want no answer.
 */
const clientOf = ({ reply = '' }: Msg) => reply.slice(0, Math.max(0, reply.lastIndexOf('.')));

function refuse(options: DataPlaneOptions, message: Msg, held: number): void {
  const { replica } = options;
  replica.served?.figures.failed();
  const retryAfterMs = Math.max(1, Math.ceil(replica.served?.resident.host.waitMs ?? 0));
  const text = `${held} requests of this connection are under way on this replica, which has no more room for it; try again in about ${retryAfterMs} ms`;
  respondFailure(options, message, new PipelineError('OVERLOADED', text, { retryable: true, retryAfterMs }));
}

function parseRequest(
  verb: Verb,
  { data, headers: given }: Msg,
  onTimes: RecogniseRequest['onTimes'],
): RecogniseRequest<Verb> {
  const budget = given?.get(INFER_HEADERS.deadlineMs) || String(DEADLINE_DEFAULT_MS);
  const budgetMs = Number(budget);
  if (!(budgetMs >= 0)) {
    throw new PipelineError('REQUEST_INVALID', `${INFER_HEADERS.deadlineMs} is "${budget}", expected milliseconds`);
  }
  const deadlineMs = performance.now() + Math.min(budgetMs, DEADLINE_DEFAULT_MS);
  const wholeNumber = (name: string, what: string) => {
    const demanded = given?.get(name) || '0';
    const number = Number(demanded);
    if (Number.isSafeInteger(number) && number >= 0) return number;
    throw new PipelineError('REQUEST_INVALID', `${name} is "${demanded}", expected ${what}`);
  };
  const minRelease = wholeNumber(INFER_HEADERS.minRelease, 'a release number');
  const seenRelease = wholeNumber(INFER_HEADERS.seenRelease, 'a release number');
  const minEnrolment = wholeNumber(INFER_HEADERS.minEnrolment, 'the sequence of a change of the gallery');
  const header = (name: string) => given?.get(name) || null;
  const input = header(INFER_HEADERS.input) ?? 'file';
  if (input !== 'file' && input !== 'pixels') {
    throw new PipelineError('REQUEST_INVALID', `${INFER_HEADERS.input} is "${input}", expected "file" or "pixels"`);
  }
  return {
    verb,
    image: data,
    input,
    person: given?.has(INFER_HEADERS.person) ? personName(given.get(INFER_HEADERS.person)) || null : null,
    deadlineMs,
    minRelease,
    seenRelease,
    minEnrolment,
    header,
    onTimes,
  };
}

function respondFailure({ replicaId: replica }: DataPlaneOptions, message: Msg, error: unknown): void {
  const { code, message: text } = toFailure(error);
  const meta = headers();
  if (error instanceof PipelineError && error.retryAfterMs !== null)
    meta.set(INFER_HEADERS.retryAfterMs, String(error.retryAfterMs));
  meta.set(INFER_HEADERS.errorStatus, String(inferStatus(code)));
  // Header values end at a line break, and some causes bring one along.
  meta.set(INFER_HEADERS.errorText, `${code}: ${text.replaceAll(/\s+/g, ' ')}`);
  message.respond(JSON.stringify({ error: { code, message: text }, replica }), { headers: meta });
}
