/**
 * What an actor does in place of making streams: it looks whether those that it needs are there, and waits for them with
 * a line that says which are missing and how to make them. Called by main.ts at the start of an actor.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { PipelineError } from '../../contracts/errors.ts';
import type { Role } from '../../contracts/roles.ts';
import type { Logger } from '../../runtime/logger.ts';
import { FOREVER, retry, type RetryPolicy } from '../../runtime/retry.ts';
import { neededBy, nextMessageSubject } from '../access/permissions.ts';
import { askAgain } from '../messaging/ask-again.ts';
import { unlessDenied } from '../messaging/denial.ts';
import { apiSubject, managerOf } from '../messaging/jetstream.ts';
import { missing } from './topology.ts';

const LOOK_AGAIN: Omit<RetryPolicy, 'isWorthIt'> = { attemptsMax: FOREVER, pauseMs: 3_000 };
/** No stream of ours has such a subject. */
const NO_SUBJECT = 'none';
/** A request for messages that the consumer answers with an error, once it was let through. */
const NO_REQUEST = '{';

/** Resolves when all is there. Throws PERMISSION_DENIED at once if it may not look, or not take what it should. */
export async function awaitTopology(nc: NatsConnection, role: Role, log: Logger): Promise<void> {
  const onFailure = (error: unknown) => log.warn((error as Error).message); // isWorthIt lets no other pass.
  const isWorthIt = (error: unknown) => error instanceof PipelineError && error.retryable;
  await retry({ ...LOOK_AGAIN, onFailure, isWorthIt }, async () => {
    const absent = await askAgain(`${role}: the streams`, () => missingFor(nc, role)).catch((error) => {
      throw unlessDenied(error, nc);
    });
    if (absent.length === 0) return;
    const what = `${role} waits: nats-server has no ${absent.join(', ')}; \`nightshift setup\` makes what is missing`;
    throw new PipelineError('NATS_UNAVAILABLE', what, { retryable: true });
  });
}

/** By questions that a reader may ask: most may not ask for the settings of a stream. */
async function missingFor(nc: NatsConnection, role: Role): Promise<readonly string[]> {
  const manager = await managerOf(nc);
  const { streams, consumers } = neededBy(role);
  const looks = [
    ...streams.map((stream) =>
      missing(`stream ${stream}`, () => manager.streams.getMessage(stream, { last_by_subj: NO_SUBJECT })),
    ),
    ...consumers.map(({ stream, name, takes }) =>
      missing(`consumer ${name} of ${stream}`, async () => {
        await manager.consumers.info(stream, name);
        // Without taking anything: a worker that may not take would wait for work in silence.
        if (takes) await nc.request(apiSubject(nc, nextMessageSubject(stream, name)), NO_REQUEST);
      }),
    ),
  ];
  return (await Promise.all(looks)).filter((name) => name !== null);
}
