/** Requests of the command line to the replicas of a model, as any other client sends them. Used by ask and gallery. */
import { readFile } from 'node:fs/promises';
import { errors, headers } from '@nats-io/nats-core';
import type { z } from 'zod';
import { PipelineError } from '../contracts/errors.ts';
import { INFER_HEADERS } from '../contracts/inference.ts';
import { galleryAs, inferSubject, type ApprovalVerb, type GalleryVerb, type InferVerb } from '../contracts/subjects.ts';
import { throwDenied } from '../infra/messaging/denial.ts';
import { onWire, question } from '../infra/messaging/wire.ts';
import { readAnswer, type Client } from './client.ts';

/** Longer than the replica itself waits for a change to be in force. */
const ANSWER_TIMEOUT_MS = 15_000;

export interface InferRequest<T> {
  readonly model: string;
  readonly verb: InferVerb | GalleryVerb | ApprovalVerb;
  /** The person of the request; absent where it names none. */
  readonly person?: string | undefined;
  /** `approve`: the change that waits. */
  readonly request?: string | undefined;
  /** An image file; empty where there is none. */
  readonly image: Uint8Array;
  readonly reply: z.ZodType<T>;
}

/** Throws NATS_UNAVAILABLE, or what readAnswer throws. */
export async function requestInfer<T>({ nc, who }: Client, request: InferRequest<T>): Promise<T> {
  const { model, verb, person, image, reply } = request;
  const meta = headers();
  if (person !== undefined) meta.set(INFER_HEADERS.person, person);
  if (request.request !== undefined) meta.set(INFER_HEADERS.request, request.request);
  const isNamed = who !== null && verb !== 'embed' && verb !== 'verify' && verb !== 'identify';
  const subject = isNamed ? galleryAs(model, verb, who) : inferSubject(model, verb);
  const answer = await question(nc, subject, image, { headers: meta, timeout: ANSWER_TIMEOUT_MS }).catch((cause) => {
    throwDenied(cause, nc);
    if (cause instanceof errors.InvalidArgumentError) throw tooLarge(image.length, nc.info?.max_payload ?? 0, cause);
    throw new PipelineError('NATS_UNAVAILABLE', whyUnanswered(onWire(nc, subject), cause), { cause });
  });
  return readAnswer(answer, reply, subject);
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

/** Throws IMAGE_UNREADABLE. */
export const readImage = (file: string): Promise<Uint8Array> =>
  readFile(file).catch((cause) => {
    throw new PipelineError('IMAGE_UNREADABLE', `${file} cannot be read: ${String(cause)}`, { cause });
  });
