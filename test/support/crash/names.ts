/** The subject of every story of `npm run test:crash`. */
export const MODEL = 'face';
/** The run that a story begins with, unless a schedule names it. */
export const RUN = 'crash';
/** Points of the janitor, which is in no run: test/e2e/forget-kills.test.ts comes to them. */
export const KILLED_IN_FORGETTING = ['janitor.forwarded', 'janitor.erasing'] as const;
/** These belong to the story `swept`; test/e2e/sweep-kills.test.ts kills one janitor after the other at them. */
export const KILLED_IN_SWEEPS = ['janitor.condemned', 'janitor.swept'] as const;
