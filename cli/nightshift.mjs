#!/usr/bin/env node
// The command `nightshift`: hands over to program.ts as it was built. In a checkout it sees to it first that dist/ is made
// of the sources as they are; the package has no sources and comes with its dist/.
import { existsSync, readFileSync } from 'node:fs';

const build = new URL('../build.mjs', import.meta.url);
if (existsSync(build)) await (await import(build.href)).ensureBuilt();
const { runProgram } = await import('../dist/cli/program.js');
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
await runProgram(process.argv, version);
