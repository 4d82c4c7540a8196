/** The actors by name, apart from their code: the command line lists them without loading any. */
import type { ActorName } from '../contracts/roles.ts';

export { ACTORS, type ActorName } from '../contracts/roles.ts';

/** Requests of clients wait for these (runtime/garbage.ts). */
export const SERVING: ReadonlySet<ActorName> = new Set(['inference', 'gateway']);
