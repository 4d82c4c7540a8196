/**
 * Tries attempts.ts at a server, as each role whose login is known, and as somebody without any. Called by `nightshift auth
 * check` and by the tests of security.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { headers, PermissionViolationError, type NatsConnection } from '@nats-io/nats-core';
import { ROLES, type Role } from '../../contracts/roles.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { NatsConfig } from '../config/nats.ts';
import { connectNats } from '../messaging/connection.ts';
import { unlessDenied } from '../messaging/denial.ts';
import { hear, question } from '../messaging/wire.ts';
import { ATTEMPTS, type Attempt } from './attempts.ts';
import { loginOf } from './login-of.ts';

export interface Checked {
  readonly role: Role | 'anonymous';
  readonly attempt: string;
  readonly expected: Found;
  readonly found: Found;
}
type Found = 'allowed' | 'refused';

/**
 * A refusal comes at once, and so does an answer to nearly all that is let through. Long, because a refusal that a busy
 * machine delays would count as leave.
 */
const SILENCE_MS = 2_000;

/** Throws as connectNats does, if a role cannot log in. */
export async function checkAccess(nats: NatsConfig, url: string, log: Logger): Promise<readonly Checked[]> {
  const results: Checked[] = [await checkAnonymous(url, log)];
  for (const role of ROLES) {
    const login = loginOf(nats, role, url);
    const nc = await connectNats({ url, login, name: `nightshift-check-${role}`, role, log, isHasty: true });
    try {
      results.push(...(await Promise.all(ATTEMPTS.map((attempt) => check(nc, role, attempt)))));
    } finally {
      await nc.close();
    }
  }
  return results;
}

async function checkAnonymous(url: string, log: Logger): Promise<Checked> {
  const asked = { role: 'anonymous', attempt: 'connect', expected: 'refused' } as const;
  try {
    await (await connectNats({ url, name: 'nightshift-check', log, isHasty: true })).close();
    return { ...asked, found: 'allowed' };
  } catch (error) {
    if (!(error instanceof PipelineError) || error.code !== 'LOGIN_REFUSED') throw error;
    return { ...asked, found: 'refused' };
  }
}

async function check(nc: NatsConnection, role: Role, attempt: Attempt): Promise<Checked> {
  const isRefused = await (attempt.by === 'publish' ? isPublishRefused(nc, attempt) : isSubscribeRefused(nc, attempt));
  return {
    role,
    attempt: attempt.attempt,
    expected: attempt.allowed.includes(role) ? 'allowed' : 'refused',
    found: isRefused ? 'refused' : 'allowed',
  };
}

/** As a question, because the client tells a refusal to the one who asks. */
async function isPublishRefused(nc: NatsConnection, { subject, body, headers: given = {} }: Attempt): Promise<boolean> {
  const meta = headers();
  for (const [name, value] of Object.entries(given)) meta.set(name, value);
  const options = { timeout: SILENCE_MS, headers: meta };
  try {
    await question(nc, subject, body ?? '', options);
    return false;
  } catch (error) {
    return unlessDenied(error, nc) !== error;
  }
}

async function isSubscribeRefused(nc: NatsConnection, { subject }: Attempt): Promise<boolean> {
  let isRefused = false;
  const subscription = hear(nc, subject, (error) => {
    if (error instanceof PermissionViolationError) isRefused = true;
  });
  await nc.flush();
  await delay(0);
  subscription.unsubscribe();
  return isRefused;
}
