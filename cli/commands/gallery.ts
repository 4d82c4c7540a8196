/**
 * `nightshift enroll`, `remove` and `gallery`: who is in a model's gallery, and which changes wait for a second person, by
 * the same requests as any other client sends.
 */
import { z } from 'zod';
import {
  EnrollReplySchema,
  PendingChangeSchema,
  PendingListSchema,
  PeopleReplySchema,
  RejectedChangeSchema,
  RemoveReplySchema,
  type EnrollReply,
  type KnownPerson,
  type PendingChange,
  type RemoveReply,
} from '../../contracts/inference.ts';
import { askGallery } from '../../infra/messaging/ask-gallery.ts';
import type { GlobalOptions } from '../global-options.ts';
import { readImage } from '../infer.ts';
import { timeOf } from '../time.ts';
import { withClient } from '../with-client.ts';
import { createTable } from '../table.ts';

interface Output {
  readonly json?: boolean;
}

const EnrollAnswerSchema = z.union([EnrollReplySchema, PendingChangeSchema]);
const RemoveAnswerSchema = z.union([RemoveReplySchema, PendingChangeSchema]);
const ApproveAnswerSchema = z.union([EnrollReplySchema, RemoveReplySchema]);

export async function enrollCommand(
  model: string,
  person: string,
  files: readonly string[],
  { json }: Output,
  global: GlobalOptions,
): Promise<void> {
  await withClient(
    global,
    async ({ nc, who }) => {
      const replies: (EnrollReply | PendingChange)[] = [];
      for (const file of files) {
        const body = await readImage(file);
        replies.push(await askGallery(nc, who, { model, verb: 'enroll', person, body }, EnrollAnswerSchema));
      }
      const reply = replies.at(-1)!; // The command line demands one file at least.
      print(reply, json, 'pending' in reply ? replies.map(waits(model)).join('\n') : `${model}: ${done(reply)}`);
    },
    'enroller',
  );
}

export async function removeCommand(model: string, person: string, { json }: Output, global: GlobalOptions) {
  await withClient(
    global,
    async ({ nc, who }) => {
      const reply = await askGallery(nc, who, { model, verb: 'remove', person }, RemoveAnswerSchema);
      print(reply, json, 'pending' in reply ? waits(model)(reply) : `${model}: ${done(reply)}`);
    },
    'enroller',
  );
}

interface ListOptions extends Output {
  readonly search?: string;
  readonly limit?: number;
  readonly after?: string;
}

/** A page of the people of a model, by name. */
export async function peopleCommand(model: string, { json, ...asked }: ListOptions, global: GlobalOptions) {
  await withClient(global, async ({ nc, who }) => {
    const body = JSON.stringify(asked);
    const reply = await askGallery(nc, who, { model, verb: 'people', body }, PeopleReplySchema);
    const { people, next, found, enrolled } = reply;
    const head = `${model}: ${found} of ${enrolled} people`;
    if (json || people.length === 0) return print(reply, json, head);
    const table = createTable(['person', 'known from', 'images', 'last'], { wraps: { person: 12 }, drops: ['last'] });
    for (const it of people) table.push([it.person, knownFrom(it), it.images.length, lastOf(it)]);
    const more = next === null ? '' : `\nmore: --after ${JSON.stringify(next)}`;
    print(reply, json, `${table.toString()}\n${head}${more}`);
  });
}

const knownFrom = ({ fromNight, images }: KnownPerson) =>
  [...(fromNight ? ['the night'] : []), ...(images.length > 0 ? ['enrolment'] : [])].join(' and ');
const lastOf = ({ images }: KnownPerson) => {
  const last = images.at(-1);
  return last === undefined ? '' : `${timeOf(last.at)} by ${last.by}`;
};

export async function pendingCommand(model: string, { json }: Output, global: GlobalOptions): Promise<void> {
  await withClient(global, async ({ nc, who }) => {
    const list = await askGallery(nc, who, { model, verb: 'pending' }, PendingListSchema);
    if (json || list.pending.length === 0) return print(list, json, `${model}: no change waits for approval`);
    const table = createTable(['id', 'asked', 'by', 'change', 'person', 'until'], {
      wraps: { person: 12 },
      drops: ['asked', 'until'],
    });
    for (const { pending, askedAt, by, verb, person, expiresAt } of list.pending)
      table.push([pending, timeOf(askedAt), by, verb, person, timeOf(expiresAt)]);
    process.stdout.write(`${table.toString()}\n`);
  });
}

export async function approveCommand(
  request: string,
  { model, json }: Output & { model: string },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async ({ nc, who }) => {
    const reply = await askGallery(nc, who, { model, verb: 'approve', request }, ApproveAnswerSchema);
    print(reply, json, `${model}: ${request} is approved; ${done(reply)}`);
  });
}

export async function rejectChangeCommand(
  request: string,
  { model, json }: Output & { model: string },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async ({ nc, who }) => {
    const reply = await askGallery(nc, who, { model, verb: 'reject', request }, RejectedChangeSchema);
    const what = reply.verb === 'enroll' ? 'enrolment' : 'removal';
    print(
      reply,
      json,
      `${model}: ${request} is rejected: the ${what} of "${reply.person}" for which ${reply.by} had asked`,
    );
  });
}

const done = (reply: EnrollReply | RemoveReply) =>
  'images' in reply
    ? `"${reply.person}" is enrolled with ${reply.images} image(s), change ${reply.sequence}`
    : `"${reply.person}" is removed, change ${reply.sequence}`;

const waits = (model: string) => (reply: EnrollReply | RemoveReply | PendingChange) =>
  'pending' in reply
    ? `${model}: the change of "${reply.person}" waits for another person: nightshift gallery approve ${reply.pending} --model ${model}`
    : `${model}: ${done(reply)}`;

const print = (reply: object, json: boolean | undefined, text: string) =>
  void process.stdout.write(json ? `${JSON.stringify(reply)}\n` : `${text}\n`);
