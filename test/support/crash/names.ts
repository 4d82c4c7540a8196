/** The subject of every story of `npm run test:crash`. */
export const MODEL = 'face';
/** The run that a story begins with, unless a schedule names it. */
export const RUN = 'crash';
