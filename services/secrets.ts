/**
 * Values of a configuration that may be secrets (contracts/secret.ts), read at the moment of their use. Each reader says who
 * needed it, by the setting, and never what was found.
 */
import { PipelineError } from '../contracts/errors.ts';
import type { Secret, TextOrSecret } from '../contracts/secret.ts';
import { readSecret } from '../runtime/secrets.ts';

export interface ReadValues {
  readonly values: Readonly<Record<string, string>>;
  /** Those among them that are secrets. */
  readonly secrets: readonly string[];
}

/** Throws CONFIG_INVALID, naming the setting and the place of the secret. `setting` is the place of the values. */
export function readValues(setting: string, values: Readonly<Record<string, TextOrSecret>> = {}): ReadValues {
  const secrets: string[] = [];
  const read = Object.entries(values).map(([name, value]) => {
    if (typeof value === 'string') return [name, value] as const;
    const secret = readOne(`${setting}.${name}`, value);
    secrets.push(secret);
    return [name, secret] as const;
  });
  return { values: Object.fromEntries(read), secrets };
}

/** The same for one that is a secret in any case. */
export function readOne(setting: string, place: Secret): string {
  try {
    return readSecret(place);
  } catch (cause) {
    const problem = (cause as Error).message; // readSecret throws nothing else.
    throw new PipelineError('CONFIG_INVALID', `${setting}: ${problem}`, { cause });
  }
}
