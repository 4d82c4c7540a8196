/** The actors by name, apart from their code: the command line lists them without loading any. */
export const ACTORS = ['orchestrator', 'collector', 'trainer', 'verifier', 'inference', 'janitor'] as const;
export type ActorName = (typeof ACTORS)[number];
