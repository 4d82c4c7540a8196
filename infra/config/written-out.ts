/**
 * Digests of what a pipeline in a file writes out, so that a machine on which the same name means something else is noticed:
 * see fit.ts. Secrets are left out, and so is all that may differ between machines that do the same. Pure.
 */
import { createHash } from 'node:crypto';
import type { ConfigDefinitions } from '../../contracts/configuration/record.ts';
import { isObject } from '../../contracts/configuration/carriage-rule.ts';
import type { Definition } from '../../contracts/configuration/separate.ts';

const DIGITS = 12;
/** How one logs in, environments, folders and code of one's own, which may lie elsewhere, and how fast one reads. */
const LEFT_OUT: readonly string[] = [
  'bearer',
  'headers',
  'query',
  'tls',
  'accessKeyId',
  'secretAccessKey',
  'sessionToken',
  'env',
  'cwd',
  'pageSize',
  'fullEvery',
  'timeoutMs',
  'attemptsMax',
  'waitMaxMs',
  'policy',
  'module',
  'options',
];

/** By the place in the pipeline: `sources.auth`, `training.command`. A path to code of one's own is each machine's. */
export function writtenOutOf(model: string, definitions: readonly Definition[]): ConfigDefinitions {
  const known = definitions.filter(({ kind }) => kind !== 'modules');
  return Object.fromEntries(known.map(({ name, value }) => [name.slice(model.length + 1), digestOf(value)]));
}

function digestOf(value: unknown): string {
  const told = isObject(value)
    ? Object.fromEntries(Object.entries(value).filter(([key]) => !LEFT_OUT.includes(key)))
    : value;
  return createHash('sha256').update(JSON.stringify(told)).digest('hex').slice(0, DIGITS);
}
