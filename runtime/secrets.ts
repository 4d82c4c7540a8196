/**
 * Reads a secret from the place that a configuration names (contracts/secret.ts), at the moment of its use and anew each
 * time, so that a changed one counts without a restart. Its errors name the place and never what is there.
 */
import { readFileSync } from 'node:fs';

/** As contracts/secret.ts has it. */
type Place = { readonly env: string } | { readonly file: string; readonly field?: string | undefined };

/** Larger than any key, and small enough that a wrong path fills no memory. */
const SECRET_CHARACTERS_MAX = 64 * 1024;

/** Without white space around it, such as the line's end that editors add. Throws if there is none. */
export function readSecret(place: Place, env: NodeJS.ProcessEnv = process.env): string {
  const [secret, name] =
    'env' in place
      ? [env[place.env], `the environment variable ${place.env}`]
      : [inFile(place), `the file ${place.file}`];
  if (secret === undefined) throw new Error(`${name} is not set`);
  if (secret.length > SECRET_CHARACTERS_MAX) throw new Error(`${name} is too large for a secret`);
  if (secret.trim() === '') throw new Error(`${name} is empty`);
  return secret.trim();
}

function inFile({ file, field }: Extract<Place, { file: string }>): string {
  const text = textOf(file);
  if (field === undefined) return text;
  const value = fieldOf(text, field);
  if (typeof value !== 'string') throw new Error(`the file ${file} is no JSON object with a text "${field}"`);
  return value;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // The file system throws no other.
    throw new Error(
      code === 'ENOENT' ? `the file ${file} does not exist` : `the file ${file} cannot be read (${code})`,
    );
  }
}

/** The parser's own error would show a part of the text. */
function fieldOf(text: string, field: string): unknown {
  try {
    const object: unknown = JSON.parse(text);
    return typeof object === 'object' && object !== null ? (object as Record<string, unknown>)[field] : undefined;
  } catch {
    return undefined;
  }
}
