// @ts-check
/**
 * A data source of one's own: a text file that lists images, a line each, `path,person`. Paths are relative to the list.
 * In nightshift.config.json, beside the model's other sources:
 *
 *   { "type": "module", "name": "archive", "module": "./list-source.mjs", "options": { "list": "/data/people.csv" } }
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { PipelineError } from 'nightshift/contracts/errors';

/**
 * @import { OwnSource } from 'nightshift/strategies/data'
 * @param {{ list: string }} options as they are in the configuration
 * @param {{ name: string }} source how the configuration calls it
 * @returns {OwnSource}
 */
export function createStrategy({ list }, { name }) {
  return {
    type: 'list',
    async *samples(signal) {
      const listed = (await read(list, name)).toString('utf8').split('\n').filter(Boolean);
      for (const [index, line] of listed.entries()) {
        signal.throwIfAborted();
        const [path, label] = line.split(',');
        if (!path || !label) throw invalid(name, `line ${index + 1} of ${list} is not "path,person"`);
        const bytes = await read(resolve(dirname(list), path), name);
        yield { id: path, label, bytes, total: listed.length };
      }
    },
  };
}

/** @param {string} path @param {string} name */
async function read(path, name) {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new PipelineError('SOURCE_UNREACHABLE', `source "${name}": ${path} cannot be read: ${String(cause)}`, {
      cause,
    });
  }
}

/** @param {string} name @param {string} problem */
const invalid = (name, problem) => new PipelineError('SOURCE_INVALID', `source "${name}": ${problem}`);
