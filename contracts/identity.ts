/**
 * Who sent a command. The server's permissions fix the last token of the subject on which a named person may publish, so
 * the name is not a claim of the message. Without that token a role has spoken. A server that asks nobody who he is
 * proves nothing, and the identity says so.
 */
import { z } from 'zod';
import { ROLES } from './roles.ts';

/** A person's token in a subject; also the name of a role, or of a part of the program that acts by itself. */
const WHO = /^[A-Za-z0-9_-]{1,64}$/;
export const SENDER_ROLES = ['operator', 'enroller'] as const;
export type SenderRole = (typeof SENDER_ROLES)[number];
/** The janitor's is a command over NATS, on a subject that ends so. */
export const JANITOR = 'janitor';
/** Applies the configuration file to the server that it started itself. */
export const START = 'start';
const PROGRAMS = ['schedule', 'guard', JANITOR, START] as const;
const ANONYMOUS = 'anonymous';
/** In place of the sender of a line that cannot be read. No name has a space. */
export const NOT_KNOWN = 'not known';
/** A person called like any role would have the right to its answers. */
const RESERVED: readonly string[] = [...new Set([...ROLES, ...PROGRAMS, ANONYMOUS])];

/** A role, a program and nobody cannot be the name of a person. */
export const isWho = (token: string) => WHO.test(token) && !RESERVED.includes(token);
/** Behind a command: a person, or the program that has a token of its own. */
export const isSender = (token: string) => isWho(token) || token === JANITOR;
export const WhoSchema = z
  .string()
  .refine(isWho, `1 to 64 letters, digits, - and _, and none of ${RESERVED.join(', ')}`)
  .describe('the token that the permissions of a named person fix');

export interface Identity {
  /** The person or the role, as people read it: `alice`, `operator`, `alice, unproven`, `anonymous`. */
  readonly by: string;
  /** The server demanded a login, so its permissions could fix who it is. */
  readonly proven: boolean;
}

/** `who`: the token of the subject, null if a role has spoken. */
export function identityOf(who: string | null, role: SenderRole, proven: boolean): Identity {
  if (proven) return { by: who ?? role, proven };
  return { by: who === null ? ANONYMOUS : `${who}, unproven`, proven };
}
