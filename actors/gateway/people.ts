/**
 * People over HTTP: who is in a gallery, enrolling and removing, changes that wait for a second person, and forgetting. Each
 * is asked over the connection of whoever has logged in, so that replica and server refuse, and note, the same sender as by
 * NATS. A name goes on to them and stays nowhere here.
 */
import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/nats-core';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { parseData } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { ForgetReportSchema } from '../../contracts/forgetting.ts';
import {
  IMAGE_BYTES_MAX,
  PendingListSchema,
  PeopleReplySchema,
  RejectedChangeSchema,
} from '../../contracts/inference.ts';
import { FailureSchema } from '../../contracts/messages.ts';
import { wrongQuestion } from '../../contracts/person-name.ts';
import { TokenSchema } from '../../contracts/references.ts';
import { apiOfCommand, commandToken, CTL, janitorEventSubject, STREAMS } from '../../contracts/subjects.ts';
import { ask } from '../../infra/messaging/ask-api.ts';
import { askGallery, askPicture, type GalleryRequest } from '../../infra/messaging/ask-gallery.ts';
import { createBus } from '../../infra/messaging/bus.ts';
import { openForgotten } from '../../infra/stores/forgotten-store.ts';
import type { Logger } from '../../runtime/logger.ts';
import { personHash } from '../../services/forgetting/name.ts';
import { demand, type Act, type Caller } from './callers.ts';
import type { Connections } from './connections.ts';
import {
  ApproveAnswerSchema,
  EnrollAnswerSchema,
  ForgetSchema,
  PEOPLE_ROUTES,
  PeopleQuerySchema,
  PictureSchema,
  RemoveAnswerSchema,
  RemoveSchema,
  WaitingSchema,
  type ForgetState,
} from './people-table.ts';
import { FORM_BYTES, imageIn, nameless, personIn } from './recognise.ts';
import { inputOf, jsonOf, parsed } from './requests.ts';

export interface PeopleOptions {
  readonly connections: Connections;
  readonly log: Logger;
}

interface OfModel {
  Params: { model: string };
}

const { people, enroll, remove, picture, pending, approve, reject, forget, forgetting } = PEOPLE_ROUTES;

export function addPeople(app: FastifyInstance, { connections, log }: PeopleOptions): void {
  /** Over the caller's own connection. */
  const asked = async <T>(caller: Caller, act: Act, request: GalleryRequest, reply: z.ZodType<T>): Promise<T> => {
    demand(caller, act);
    const model = parsed(TokenSchema, request.model);
    return askGallery(await connections.of(caller), caller.login?.who ?? null, { ...request, model }, reply);
  };
  app.get<OfModel>(people.path, (request) => {
    const { cursor: after, ...question } = inputOf(PeopleQuerySchema, request);
    const body = JSON.stringify({ ...question, after });
    return asked(request.caller, 'people', { ...request.params, verb: 'people', body }, PeopleReplySchema);
  });
  app.post<OfModel>(enroll.path, { bodyLimit: IMAGE_BYTES_MAX + FORM_BYTES }, async (request, reply) => {
    demand(request.caller, 'gallery');
    const { image: body, ...form } = await imageIn(request);
    if (form.filesLeft > 0)
      throw new PipelineError('REQUEST_INVALID', 'the form has several files; enrol one a request');
    const person = personIn(request, form.person);
    if (person === undefined) throw nameless('enroll', 'the person');
    const change = { ...request.params, verb: 'enroll', person, body } as const;
    return answered(reply, await asked(request.caller, 'gallery', change, EnrollAnswerSchema));
  });
  app.post<OfModel>(remove.path, async (request, reply) => {
    demand(request.caller, 'gallery');
    const { person } = parsed(RemoveSchema, jsonOf(request));
    const change = { ...request.params, verb: 'remove', person } as const;
    return answered(reply, await asked(request.caller, 'gallery', change, RemoveAnswerSchema));
  });
  app.post<OfModel>(picture.path, async (request, reply) => {
    demand(request.caller, 'people');
    const wanted = parsed(PictureSchema, jsonOf(request));
    const model = parsed(TokenSchema, request.params.model);
    const of = 'pending' in wanted ? { request: wanted.pending } : wanted;
    const bytes = await askPicture(await connections.of(request.caller), { model, ...of });
    return reply.type(typeOf(bytes)).send(Buffer.from(bytes));
  });
  app.get<OfModel>(pending.path, ({ caller, params }) =>
    asked(caller, 'approve', { ...params, verb: 'pending' }, PendingListSchema),
  );
  app.post<OfModel>(approve.path, (request) => {
    demand(request.caller, 'approve');
    const { pending: id } = parsed(WaitingSchema, jsonOf(request));
    const change = { ...request.params, verb: 'approve', request: id } as const;
    return asked(request.caller, 'approve', change, ApproveAnswerSchema);
  });
  app.post<OfModel>(reject.path, (request) => {
    demand(request.caller, 'approve');
    const { pending: id } = parsed(WaitingSchema, jsonOf(request));
    const change = { ...request.params, verb: 'reject', request: id } as const;
    return asked(request.caller, 'approve', change, RejectedChangeSchema);
  });
  app.post(forget.path, async (request, reply) => {
    demand(request.caller, 'command');
    const order = await ordered(await connections.of(request.caller), request.caller, jsonOf(request));
    return reply.code(202).send({ order });
  });
  app.get<{ Params: { order: string } }>(forgetting.path, async ({ caller, params }) => {
    demand(caller, 'command');
    return stateOf(await connections.of(caller), parsed(TokenSchema, params.order), log);
  });
}

/** 202: nothing is in force until another person has approved it. */
const answered = (reply: FastifyReply, answer: object) => reply.code('pending' in answer ? 202 : 200).send(answer);

/** The name leaves as a salted hash, as that of the command line does. Throws JANITOR_UNKNOWN, and as `ask` does. */
async function ordered(nc: NatsConnection, { login }: Caller, body: unknown): Promise<string> {
  const { person, mode } = parsed(ForgetSchema, body);
  const wrong = wrongQuestion(person);
  if (wrong !== null) throw new PipelineError('REQUEST_INVALID', `person: ${wrong}`);
  const salt = await (await openForgotten(nc)).salt();
  if (salt === null) throw new PipelineError('JANITOR_UNKNOWN', 'no janitor has run against this server yet');
  const subject = apiOfCommand(CTL.personForget);
  const { commandId } = await ask(nc, subject, { person: personHash(person, salt), mode }, login?.who);
  return commandToken(commandId);
}

const FailedSchema = z.object({ failure: FailureSchema });

/** By what the janitor has said of the order. One that nobody gave waits for ever. */
async function stateOf(nc: NatsConnection, order: string, log: Logger): Promise<ForgetState> {
  const bus = await createBus({ nc, source: 'gateway', log, now: () => new Date(), newId: randomUUID });
  const [completed, failed, progressed] = await Promise.all(
    (['completed', 'failed', 'progressed'] as const).map((fact) =>
      bus.lastOn(STREAMS.events, janitorEventSubject(fact, order)),
    ),
  );
  const none = { report: null, failure: null };
  if (completed) return { ...none, state: 'done', report: parseData(ForgetReportSchema, completed) };
  if (failed) return { ...none, state: 'failed', failure: parseData(FailedSchema, failed).failure };
  return { ...none, state: progressed ? 'working' : 'waiting' };
}

/** The types of images that can be enrolled, by their first bytes. */
function typeOf(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.subarray(0, 12)).toString('latin1');
  if (head.startsWith('\x89PNG')) return 'image/png';
  if (head.startsWith('\xff\xd8')) return 'image/jpeg';
  return head.startsWith('RIFF') && head.endsWith('WEBP') ? 'image/webp' : 'application/octet-stream';
}
