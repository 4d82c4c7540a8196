/** `npm run corpus:record`: records what the current version of the machine decides; see docs/decisions on versions. */
import { record } from '../support/corpus.ts';

const { file, runs } = record();
process.stdout.write(`${runs} recorded runs in ${file}\n`);
