/**
 * Questions of the command line to the replicas of a model: by nightshift/client, as those of any door. Used by ask; changes
 * of a gallery go by infra/messaging/ask-gallery.ts.
 */
import { readFile } from 'node:fs/promises';
import { createClient, type Client as InferClient } from '../client/client.ts';
import { PipelineError } from '../contracts/errors.ts';
import { throwDenied } from '../infra/messaging/denial.ts';
import { namespaceOf } from '../infra/messaging/wire.ts';
import type { Client } from './client.ts';

/** The most that the client takes: a person at a terminal would rather wait than ask again. */
const DEADLINE_MS = 10_000;

/** `ask`: a question of the client. Throws what it rejects with; NATS_UNAVAILABLE says how to go on. */
export async function askReplicas<T>(
  { nc }: Client,
  model: string,
  ask: (client: InferClient) => Promise<T>,
): Promise<T> {
  const namespace = namespaceOf(nc);
  try {
    return await ask(createClient(nc, { model, namespace, deadlineMs: DEADLINE_MS }));
  } catch (cause) {
    throwDenied(cause, nc);
    if (!(cause instanceof PipelineError) || cause.code !== 'NATS_UNAVAILABLE') throw cause;
    throw new PipelineError(cause.code, `${cause.message}: does a replica run? Is its model in service?`, {
      cause,
    });
  }
}

/** Throws IMAGE_UNREADABLE. */
export const readImage = (file: string): Promise<Uint8Array> =>
  readFile(file).catch((cause) => {
    const { code, message } = cause as NodeJS.ErrnoException; // What node:fs throws.
    const why = code === 'ENOENT' ? 'there is no such file' : message;
    throw new PipelineError('IMAGE_UNREADABLE', `${file} cannot be read: ${why}`, { cause });
  });
