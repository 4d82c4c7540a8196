/** The actors by name, apart from their code: the command line lists them without loading any. */
export { ACTORS, type ActorName } from '../contracts/roles.ts';
