/**
 * The machine as one JavaScript module that imports nothing but XState: what the Stately visualizer can open. Its config
 * is spelled out as data, since the visualizer reads the text and runs nothing; its functions are ours, bundled.
 */
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { namedConfig } from './named-config.ts';

const ROOT = join(import.meta.dirname, '../..');

const HEAD = `/**
 * The pipeline machine in one file, for the Stately visualizer (https://stately.ai/viz): paste it as it is.
 * Generated from machines/ by \`npm run machine:export\`; edits here are lost. The config stands at the end,
 * the functions that it names above it. { fn: '...' } stands for the function of that name, which computes the value.
 */`;

/** Not laid out yet. The context is made in plan.ts, and every other function of the config stands in params.ts. */
export function renderVisualizer(): string {
  const { config, functions } = namedConfig();
  // The visualizer takes the argument of every call of a method createMachine for a machine: there has to be one.
  const contents = `
    import { pipelineSetup } from './setup.ts';
    import { initialContext } from './plan.ts';
    import { ${functions.filter((name) => name !== 'initialContext').join(', ')} } from './params.ts';

    const functions = { ${functions.join(', ')} };
    const withFunctions = (value) => {
      if (value === null || typeof value !== 'object') return value;
      if (Array.isArray(value)) return value.map(withFunctions);
      if (typeof value.fn === 'string') return functions[value.fn];
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withFunctions(inner)]));
    };
    const { createMachine: make } = pipelineSetup;
    const named = { createMachine: (config) => make(withFunctions(config)) };

    export const pipelineMachine = named.createMachine(${JSON.stringify(config)});
  `;
  const { outputFiles } = buildSync({
    stdin: { contents, resolveDir: join(ROOT, 'machines'), sourcefile: 'pipeline.machine.ts' },
    absWorkingDir: ROOT,
    bundle: true,
    write: false,
    format: 'esm',
    target: 'esnext',
    packages: 'external',
    charset: 'utf8',
    banner: { js: HEAD },
    logLevel: 'silent',
    tsconfigRaw: {},
  });
  return outputFiles[0]!.text; // One entry, one output.
}
