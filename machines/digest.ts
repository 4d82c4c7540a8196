/**
 * `npm run machine:digest`: the version of the pipeline machine as it stands in the file, for the table in versions.ts.
 * Whatever decides counts: states, transitions, guards, actions, delays. Comments and layout do not.
 */
import { createHash } from 'node:crypto';
import { pipelineMachine } from './pipeline.machine.ts';

export function machineDigest(
  machine: { readonly config: object; readonly implementations: object } = pipelineMachine,
): string {
  const text = JSON.stringify([machine.config, machine.implementations], (_key, value: unknown) =>
    typeof value === 'function' ? describe(value) : value,
  );
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** XState's `assign` answers a function that carries what it assigns. */
function describe(value: object): unknown {
  const own = Object.entries(value).filter(([, inner]) => typeof inner !== 'function' || inner !== value);
  return [String(value).replaceAll(/\s+/g, ' '), Object.fromEntries(own)];
}

if (process.argv[1] === import.meta.filename) process.stdout.write(`${machineDigest()}\n`);
