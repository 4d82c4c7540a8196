/**
 * Requests about the people of a gallery, as those send them who may: over any connection, with the answer checked. A
 * change goes once, because it has an effect. Used by the command line and the gateway; the replicas are the other end.
 */
import { errors, headers, type Msg, type NatsConnection } from '@nats-io/nats-core';
import type { z } from 'zod';
import { PipelineError } from '../../contracts/errors.ts';
import { INFER_HEADERS } from '../../contracts/inference.ts';
import { personName, wrongQuestion } from '../../contracts/person-name.ts';
import {
  galleryAs,
  inferSubject,
  type ApprovalVerb,
  type GalleryVerb,
  type PeopleVerb,
} from '../../contracts/subjects.ts';
import { readAnswer, throwFailureIn } from './ask-api.ts';
import { throwDenied } from './denial.ts';
import { onWire, question } from './wire.ts';

/** Longer than the replica itself waits for a change to be in force. */
const ANSWER_TIMEOUT_MS = 15_000;
const NOTHING = new Uint8Array(0);

export interface GalleryRequest {
  readonly model: string;
  readonly verb: GalleryVerb | ApprovalVerb | PeopleVerb;
  /** The person of the request; absent where it names none. */
  readonly person?: string | undefined;
  /** The change that waits. */
  readonly request?: string | undefined;
  /** SHA-256 of the image that is asked for. */
  readonly digest?: string | undefined;
  /** An image file, or a question as JSON; absent where there is neither. */
  readonly body?: Uint8Array | string | undefined;
}

/** `who`: the named person who sends it; null: the role of the connection. Throws NATS_UNAVAILABLE, and as readAnswer does. */
export async function askGallery<T>(
  nc: NatsConnection,
  who: string | null,
  request: GalleryRequest,
  reply: z.ZodType<T>,
): Promise<T> {
  return readAnswer(await sent(nc, who, request), reply, inferSubject(request.model, request.verb));
}

/** The file, as it was enrolled or is to be. Throws as askGallery does. */
export async function askPicture(nc: NatsConnection, request: Omit<GalleryRequest, 'verb'>): Promise<Uint8Array> {
  const answer = await sent(nc, null, { ...request, verb: 'picture' });
  throwFailureIn(answer);
  return answer.data;
}

async function sent(nc: NatsConnection, who: string | null, asked: GalleryRequest): Promise<Msg> {
  const { model, verb, person, request, digest, body = NOTHING } = asked;
  const meta = headers();
  if (person !== undefined) meta.set(INFER_HEADERS.person, askedFor(person));
  if (request !== undefined) meta.set(INFER_HEADERS.request, tokenFor(request));
  if (digest !== undefined) meta.set(INFER_HEADERS.image, tokenFor(digest));
  // Questions have no effect, so nobody need stand behind them.
  const isQuestion = verb === 'people' || verb === 'picture';
  const subject = who !== null && !isQuestion ? galleryAs(model, verb, who) : inferSubject(model, verb);
  return question(nc, subject, body, { headers: meta, timeout: ANSWER_TIMEOUT_MS }).catch((cause) => {
    throwDenied(cause, nc);
    if (cause instanceof errors.InvalidArgumentError) throw tooLarge(body.length, nc.info?.max_payload ?? 0, cause);
    throw new PipelineError('NATS_UNAVAILABLE', whyUnanswered(onWire(nc, subject), cause), { cause, retryable: true });
  });
}

/** A header ends at a line break. */
function askedFor(person: string): string {
  const wrong = wrongQuestion(person);
  if (wrong !== null) throw new PipelineError('REQUEST_INVALID', `${JSON.stringify(person)}: ${wrong}`);
  return personName(person);
}

function tokenFor(text: string): string {
  if (/^[\w-]{1,64}$/.test(text)) return text;
  throw new PipelineError('REQUEST_INVALID', `${JSON.stringify(text)}: letters, digits, "-" and "_", at most 64`);
}

/** The client sends nothing that the server would close the connection for. */
const tooLarge = (bytes: number, largest: number, cause: unknown) =>
  new PipelineError(
    'IMAGE_TOO_LARGE',
    `the image has ${bytes} bytes, and this nats-server takes ${largest} at once, headers included; send a smaller one, or raise max_payload at the server`,
    { cause },
  );

const whyUnanswered = (subject: string, cause: unknown) =>
  cause instanceof errors.NoRespondersError || (cause as Error | null)?.cause instanceof errors.NoRespondersError
    ? `nobody listens to ${subject}: does a replica run? Is its model in service?`
    : `nobody answered ${subject} within ${ANSWER_TIMEOUT_MS / 1000} s (${String(cause)}): does a replica run?`;
