#!/usr/bin/env node
// The command `nightshift`: teaches Node TypeScript, then hands over to program.ts.
import { register } from 'tsx/esm/api';

register();
const { runProgram } = await import('./program.ts');
await runProgram(process.argv);
