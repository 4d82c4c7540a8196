// @ts-check
/** A source that gives nothing, never ends and hears of no abort, for tests; says in the file `told` that it was asked. */
import { writeFileSync } from 'node:fs';

/** @param {{ told: string }} options */
export function createStrategy({ told }) {
  const hang = () => {
    writeFileSync(told, String(process.pid));
    return new Promise(() => {});
  };
  return {
    name: 'hanging',
    type: 'module',
    samples: () => ({ [Symbol.asyncIterator]: () => ({ next: hang }) }),
  };
}
