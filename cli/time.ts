/** Times as the command line shows them: to the second, with their zone. Pure. */

/** `2026-11-26T02:00:17Z` of an ISO time, which is UTC as all stored times are. */
export const timeOf = (iso: string): string => `${iso.slice(0, 19)}Z`;
