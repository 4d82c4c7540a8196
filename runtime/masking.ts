/**
 * Takes secrets out of text that others made, such as the lines of a program that was given some: what it prints may reach
 * logs and messages. Looks for the secrets as they are; a program that encodes one before it prints it gives it away.
 */

/** Shorter ones would be found by chance in any text, and protect nothing. */
const SECRET_CHARACTERS_MIN = 4;
const MASK = '***';

/** The lines of a secret count by themselves, because output is read line by line. */
export function createMask(secrets: readonly string[]): (text: string) => string {
  const parts = secrets.flatMap((secret) => [secret, ...secret.split(/\r?\n/)]);
  const masked = [...new Set(parts)].filter((part) => part.length >= SECRET_CHARACTERS_MIN);
  // The longest first: a part of another would leave the rest of it.
  masked.sort((a, b) => b.length - a.length);
  return (text) => masked.reduce((rest, part) => rest.replaceAll(part, () => MASK), text);
}
