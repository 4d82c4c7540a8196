/** `nightshift enroll` and `remove`: who is in a model's gallery, by the same requests as any other client sends. */
import { readFile } from 'node:fs/promises';
import { headers } from '@nats-io/nats-core';
import type { z } from 'zod';
import { PipelineError } from '../../contracts/errors.ts';
import { EnrollReplySchema, INFER_HEADERS, RemoveReplySchema, type EnrollReply } from '../../contracts/inference.ts';
import { inferSubject, type GalleryVerb } from '../../contracts/subjects.ts';
import { readAnswer, type Client } from '../client.ts';
import type { GlobalOptions } from '../global-options.ts';
import { withClient } from '../with-client.ts';

/** Longer than the replica itself waits for a change to be in force. */
const ANSWER_TIMEOUT_MS = 15_000;

export async function enrollCommand(
  model: string,
  person: string,
  files: readonly string[],
  { json }: { json?: boolean },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async (client) => {
    const replies: EnrollReply[] = [];
    for (const file of files) {
      const image = await readFile(file).catch((cause) => {
        throw new PipelineError('IMAGE_UNREADABLE', `${file} cannot be read: ${String(cause)}`, { cause });
      });
      replies.push(await change(client, model, 'enroll', person, image, EnrollReplySchema));
    }
    const reply = replies.at(-1)!; // The command line demands one file at least.
    const text = `${model}: "${person}" is enrolled with ${reply.images} image(s), change ${reply.sequence}`;
    process.stdout.write(json ? `${JSON.stringify(reply)}\n` : `${text}\n`);
  });
}

export async function removeCommand(
  model: string,
  person: string,
  { json }: { json?: boolean },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async (client) => {
    const reply = await change(client, model, 'remove', person, new Uint8Array(0), RemoveReplySchema);
    const text = `${model}: "${person}" is removed, change ${reply.sequence}`;
    process.stdout.write(json ? `${JSON.stringify(reply)}\n` : `${text}\n`);
  });
}

async function change<T>(
  { nc }: Client,
  model: string,
  verb: GalleryVerb,
  person: string,
  image: Uint8Array,
  replySchema: z.ZodType<T>,
): Promise<T> {
  const meta = headers();
  meta.set(INFER_HEADERS.person, person);
  const subject = inferSubject(model, verb);
  const answer = await nc.request(subject, image, { headers: meta, timeout: ANSWER_TIMEOUT_MS }).catch((cause) => {
    throw new PipelineError('NATS_UNAVAILABLE', `nobody answered ${subject}: does a replica run?`, { cause });
  });
  return readAnswer(answer, replySchema, subject);
}
