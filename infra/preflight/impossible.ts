/**
 * Findings of the preflight with which an actor can never work until somebody changes the server or the account. A start ends
 * with them, but only if they stay: a server that comes up, and a setup at work, show the same for a moment. Called by main.ts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { PipelineError, type ErrorCode } from '../../contracts/errors.ts';
import type { Finding } from './preflight.ts';

/** Looks in a row that must find the same. */
const LOOKS = 3;
const LOOK_AGAIN_MS = 2_000;

/** `found` by the first look. Throws what stays; resolves at once if nothing found is of the kind. */
export async function refuseImpossible(
  found: readonly Finding[],
  look: () => Promise<readonly Finding[]>,
  pauseMs = LOOK_AGAIN_MS,
): Promise<void> {
  let refusal = impossibleIn(found);
  for (let looks = 1; refusal !== null && looks < LOOKS; looks++) {
    await delay(pauseMs);
    refusal = impossibleIn(await look());
  }
  if (refusal !== null) throw refusal;
}

/**
 * Pure. Null if it is possible, or may be without anybody's doing: missing streams are awaited, a silent JetStream comes back,
 * a full account lets something go, and an image that is too large is only one of many.
 */
export function impossibleIn(found: readonly Finding[]): PipelineError | null {
  const grave = found.filter(({ id, severity }) => severity === 'error' && ALWAYS.has(id));
  const errors = new Set(found.filter(({ severity }) => severity === 'error').map(({ id }) => id));
  // An account that is full is no trouble to those who have their streams.
  const unmakeable = errors.has('topology.missing') ? found.filter(({ id }) => errors.has(id) && MAKING.has(id)) : [];
  const all = [...grave, ...unmakeable];
  if (all.length === 0) return null;
  const code: ErrorCode = grave.length > 0 ? 'NATS_UNAVAILABLE' : 'ACCOUNT_LIMIT';
  return new PipelineError(code, all.map(({ sentence, mend }) => `${sentence}; ${mend}`).join('; '));
}

/** A server or an account that is unfit for any actor. */
const ALWAYS: ReadonlySet<Finding['id']> = new Set(['server.version', 'jetstream.off', 'payload.messages']);
/** So that no setup could make what is missing. */
const MAKING: ReadonlySet<Finding['id']> = new Set(['account.streams', 'account.consumers']);
