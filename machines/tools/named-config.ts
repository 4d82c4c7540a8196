/**
 * The machine's config as plain data, for the exports. Guards, actions and delays stand in it by name already; a function
 * that computes parameters, or the first context, becomes `{ "fn": "<its name>" }`.
 */
import { pipelineMachine } from '../pipeline.machine.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface NamedConfig {
  readonly config: Json;
  /** Names of the functions in it, sorted. */
  readonly functions: readonly string[];
}

export function namedConfig(config: object = pipelineMachine.config): NamedConfig {
  const functions = new Map<string, unknown>();
  const named = JSON.stringify(config, (key, value: unknown) => {
    if (typeof value !== 'function') return value;
    const { name } = value;
    // A function that is written in the config itself is named after its key.
    if (name === '' || name === key) throw new Error(`machine: a function in the config has no name, at ${key}`);
    if ((functions.get(name) ?? value) !== value)
      throw new Error(`machine: two functions in the config are called ${name}`);
    functions.set(name, value);
    return { fn: name };
  });
  return { config: JSON.parse(named) as Json, functions: [...functions.keys()].sort() };
}
