// @ts-check
/** A source that gives nothing, never ends and hears of no abort, for tests; says in the file `told` that it was asked. */
import { writeFileSync } from 'node:fs';

/** @param {{ told: string }} options */
export function createStrategy({ told }) {
  return {
    name: 'hanging',
    type: 'module',
    async *samples() {
      writeFileSync(told, String(process.pid));
      await new Promise(() => {});
    },
  };
}
