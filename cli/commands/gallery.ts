/**
 * `nightshift enroll`, `remove` and `gallery`: who is in a model's gallery, and which changes wait for a second person, by
 * the same requests as any other client sends.
 */
import Table from 'cli-table3';
import { z } from 'zod';
import {
  EnrollReplySchema,
  PendingChangeSchema,
  PendingListSchema,
  RemoveReplySchema,
  type EnrollReply,
  type PendingChange,
  type RemoveReply,
} from '../../contracts/inference.ts';
import type { GlobalOptions } from '../global-options.ts';
import { readImage, requestInfer } from '../infer.ts';
import { withClient } from '../with-client.ts';

interface Output {
  readonly json?: boolean;
}

const EnrollAnswerSchema = z.union([EnrollReplySchema, PendingChangeSchema]);
const RemoveAnswerSchema = z.union([RemoveReplySchema, PendingChangeSchema]);
const ApproveAnswerSchema = z.union([EnrollReplySchema, RemoveReplySchema]);
const NOTHING = new Uint8Array(0);

export async function enrollCommand(
  model: string,
  person: string,
  files: readonly string[],
  { json }: Output,
  global: GlobalOptions,
): Promise<void> {
  await withClient(
    global,
    async (client) => {
      const replies: (EnrollReply | PendingChange)[] = [];
      for (const file of files) {
        const image = await readImage(file);
        replies.push(await requestInfer(client, { model, verb: 'enroll', person, image, reply: EnrollAnswerSchema }));
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
    async (client) => {
      const request = { model, verb: 'remove', person, image: NOTHING, reply: RemoveAnswerSchema } as const;
      const reply = await requestInfer(client, request);
      print(reply, json, 'pending' in reply ? waits(model)(reply) : `${model}: ${done(reply)}`);
    },
    'enroller',
  );
}

export async function pendingCommand(model: string, { json }: Output, global: GlobalOptions): Promise<void> {
  await withClient(global, async (client) => {
    const list = await requestInfer(client, { model, verb: 'pending', image: NOTHING, reply: PendingListSchema });
    if (json || list.pending.length === 0) return print(list, json, `${model}: no change waits for approval`);
    const table = new Table({
      head: ['id', 'asked', 'by', 'change', 'person', 'until'],
      style: { head: [], border: [] },
    });
    for (const { pending, askedAt, by, verb, person, expiresAt } of list.pending)
      table.push([pending, askedAt.slice(0, 19), by, verb, person, expiresAt.slice(0, 19)]);
    process.stdout.write(`${table.toString()}\n`);
  });
}

export async function approveCommand(
  request: string,
  { model, json }: Output & { model: string },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async (client) => {
    const asked = { model, verb: 'approve', request, image: NOTHING, reply: ApproveAnswerSchema } as const;
    const reply = await requestInfer(client, asked);
    print(reply, json, `${model}: ${request} is approved; ${done(reply)}`);
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
