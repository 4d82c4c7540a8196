/**
 * One question to JetStream and what came of it: an answer, the word that the thing is not there, or the reason for
 * none. Nothing is thrown, so that one right that is missing hides no other finding.
 */
import { JetStreamApiError } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { violationIn } from '../messaging/denial.ts';
import { wireManagerOf } from '../messaging/jetstream.ts';

export type Look<T> =
  | { readonly kind: 'there'; readonly info: T }
  | { readonly kind: 'missing' }
  | { readonly kind: 'denied' }
  | { readonly kind: 'silent'; readonly why: string };

export const ANSWER_MS = 3_000;
/** The server's codes for a stream and a consumer that are not there. */
const MISSING: readonly number[] = [10059, 10014];

export async function look<T>(ask: () => Promise<T>): Promise<Look<T>> {
  try {
    return { kind: 'there', info: await ask() };
  } catch (cause) {
    if (cause instanceof JetStreamApiError && MISSING.includes(cause.code)) return { kind: 'missing' };
    if (violationIn(cause) !== null) return { kind: 'denied' };
    return { kind: 'silent', why: cause instanceof Error ? cause.message : String(cause) };
  }
}

/** Who may not even ask for the limits of the account is told so by nats-server at each further question. */
export async function mayAskJetStream(nc: NatsConnection): Promise<boolean> {
  const manager = await wireManagerOf(nc, { timeout: ANSWER_MS });
  return (await look(() => manager.getAccountInfo())).kind !== 'denied';
}
