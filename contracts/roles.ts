/**
 * Who speaks to nats-server: the identities of the system, one nkey or user each. infra/access/permissions.ts says what
 * each may do. A role is a name in configurations, in file names and in messages to people.
 */

/**
 * `setup` makes streams; the seven actors, of which `janitor` erases and `gateway` shows; the others are people and their
 * programs.
 */
export const ROLES = [
  'setup',
  'orchestrator',
  'collector',
  'trainer',
  'verifier',
  'inference',
  'janitor',
  'gateway',
  'door',
  'enroller',
  'operator',
  'viewer',
] as const;
export type Role = (typeof ROLES)[number];

/** The actors, each a role of its own. */
export const ACTORS = [
  'orchestrator',
  'collector',
  'trainer',
  'verifier',
  'inference',
  'janitor',
  'gateway',
] as const satisfies readonly Role[];
export type ActorName = (typeof ACTORS)[number];

/** The logical name of an actor's NATS micro service. The orchestrator's is that of the whole: it answers the questions. */
export const serviceOf = (actor: ActorName): string => (actor === 'orchestrator' ? 'nightshift' : actor);

/** The roles of people and of programs of theirs, such as a door: those for whom a context of the NATS CLI is written. */
export const CLIENT_ROLES = ['operator', 'viewer', 'door', 'enroller'] as const satisfies readonly Role[];
export type ClientRole = (typeof CLIENT_ROLES)[number];

/** The roles that a person may have under a name of her own, which the ledger and the audit log then call. */
export const PERSON_ROLES = ['operator', 'enroller'] as const satisfies readonly Role[];
export interface Person {
  readonly who: string;
  readonly role: (typeof PERSON_ROLES)[number];
}

/** Begin of the subjects on which the answers for a role come. Nobody may listen to those of another. */
export const inboxPrefixOf = (role: Role) => `_INBOX_${role}`;
