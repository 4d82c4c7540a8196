/** Names in one sentence: the first of them, and how many more there are. Used by the sentences of the checks. */

/** As many as one reads at once. */
const LISTED_MAX = 20;

/** Within one member of a list. */
const TOGETHER_MAX = 5;

export const listed = (parts: readonly string[], separator = ', '): string => atMost(LISTED_MAX, parts, separator);

/** Names that belong together, such as those under which one picture stands. */
export const together = (names: readonly string[]): string => atMost(TOGETHER_MAX, names, ' and ');

function atMost(max: number, parts: readonly string[], separator: string): string {
  const shown = parts.slice(0, max).join(separator);
  return parts.length > max ? `${shown} and ${parts.length - max} more` : shown;
}
