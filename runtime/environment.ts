/**
 * The environment of a program or process that works with what others made: what every program needs, and of the rest of
 * ours only what is named. Ours may hold the credentials of the server and tokens of sources.
 */

const EVERY_PROGRAM_NEEDS = ['PATH', 'HOME', 'TMPDIR', 'LANG'] as const;

/** Variables that we do not have are absent. */
export function cleanEnvironment(
  names: readonly string[] = [],
  ours: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const kept = [...EVERY_PROGRAM_NEEDS, ...names].map((name) => [name, ours[name]] as const);
  return Object.fromEntries(kept.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
