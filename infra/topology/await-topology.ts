/**
 * What an actor does in place of making streams: it looks whether those that it needs are there and are ours, and waits for
 * them with a line that says which are missing and how to make them. Called by main.ts at the start of an actor.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { PipelineError } from '../../contracts/errors.ts';
import type { Role } from '../../contracts/roles.ts';
import type { Logger } from '../../runtime/logger.ts';
import { FOREVER, retry, type RetryPolicy } from '../../runtime/retry.ts';
import { nextMessageSubject } from '../access/jetstream-rights.ts';
import { neededBy } from '../access/permissions.ts';
import { askAgain } from '../messaging/ask-again.ts';
import { unlessDenied } from '../messaging/denial.ts';
import { apiSubject, managerOf, unlessMissing, type Manager } from '../messaging/jetstream.ts';
import { namespaceOf } from '../messaging/wire.ts';
import { wireName, wireStream } from './namespace.ts';
import { foreign, layoutOf, newer, ownershipOf } from './owner.ts';

const LOOK_AGAIN: Omit<RetryPolicy, 'isWorthIt'> = { attemptsMax: FOREVER, pauseMs: 3_000 };
/** No stream of ours has such a subject. */
const NO_SUBJECT = 'none';
/** A request for messages that the consumer answers with an error, once it was let through. */
const NO_REQUEST = '{';

/**
 * Resolves when all is there. Throws at once PERMISSION_DENIED if it may not look, or not take what it should,
 * STREAM_FOREIGN and LAYOUT_UNKNOWN.
 */
export async function awaitTopology(nc: NatsConnection, role: Role, log: Logger): Promise<void> {
  const onFailure = (error: unknown) => log.warn((error as Error).message); // isWorthIt lets no other pass.
  const isWorthIt = (error: unknown) => error instanceof PipelineError && error.retryable;
  await retry({ ...LOOK_AGAIN, onFailure, isWorthIt }, async () => {
    const { absent, old } = await askAgain(`${role}: the streams`, () => lackingFor(nc, role)).catch((error) => {
      throw unlessDenied(error, nc);
    });
    const lacking = [...(absent.length === 0 ? [] : [`nats-server has no ${absent.join(', ')}`]), ...old];
    if (lacking.length === 0) return;
    const what = `${role} waits: ${lacking.join('; ')}; \`nightshift setup\` makes what is missing`;
    throw new PipelineError('NATS_UNAVAILABLE', what, { retryable: true });
  });
}

/** What a role needs and does not find, each by its kind and name on the server. */
export interface Lacking {
  readonly absent: readonly string[];
  /** Sentences about streams of an older layout. */
  readonly old: readonly string[];
}

/** By questions that a reader may ask: most may ask for the settings of few streams. */
export async function lackingFor(nc: NatsConnection, role: Role): Promise<Lacking> {
  const manager = await managerOf(nc);
  const namespace = namespaceOf(nc);
  const { streams, marked, consumers } = neededBy(role);
  const old = await Promise.all(marked.map((stream) => checkOwner(manager, namespace, stream)));
  const looks = [
    ...streams.map(async (stream) => {
      const isThere = await isFound(() => manager.streams.getMessage(stream, { last_by_subj: NO_SUBJECT }));
      return isThere ? null : `stream ${wireStream(namespace, stream)}`;
    }),
    ...consumers.map(async ({ stream, name, takes }) => {
      const isThere = await isFound(async () => {
        await manager.consumers.info(stream, name);
        // Without taking anything: a worker that may not take would wait for work in silence.
        if (takes) await nc.request(apiSubject(nc, nextMessageSubject(stream, name)), NO_REQUEST);
      });
      return isThere ? null : `consumer ${wireName(namespace, name)} of ${wireStream(namespace, stream)}`;
    }),
  ];
  return {
    absent: (await Promise.all(looks)).filter((name) => name !== null),
    old: old.filter((it) => it !== null),
  };
}

const isFound = async (ask: () => Promise<unknown>) => (await unlessMissing(async () => [await ask()])) !== null;

/** What is to be waited for, or null. Throws for a stream that waiting does not make ours. */
async function checkOwner(manager: Manager, namespace: string, stream: string): Promise<string | null> {
  const info = await unlessMissing(() => manager.streams.info(stream));
  if (info === null) return null;
  const [name, { metadata }] = [wireStream(namespace, stream), info.config];
  switch (ownershipOf(namespace, metadata)) {
    case 'ours':
      return null;
    case 'foreign':
      throw foreign(namespace, [name]);
    case 'newer':
      throw newer(name, metadata);
    case 'older':
      return `stream ${name} is of layout ${layoutOf(metadata)}, which \`nightshift setup\` of this version brings up to date`;
  }
}
