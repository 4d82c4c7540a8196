/**
 * `npm run bench -- <name> [flags]`: runs one benchmark. Each prints a table for people, or with --json one object;
 * numbers in documents come from here.
 */
import { Command } from 'commander';
import { toFailure } from '../contracts/errors.ts';
import { runAccuracyBench } from './accuracy.ts';

const bench = new Command('bench').description('Benchmarks: numbers with their method.').showHelpAfterError();

bench
  .command('accuracy')
  .description('train on images 1-5 of each person, recognise images 6-10, beside the floor of plain pixels')
  .requiredOption('--data <folder>', 'one folder per person, images numbered')
  .option('--seed <n>', 'another seed gives another net', Number, 1)
  .option('--seconds <n>', 'end training early', Number)
  .option('--json', 'one JSON object on stdout', false)
  .action(async ({ data, json, seconds, seed }) => {
    await runAccuracyBench({ dataFolder: data, json, seed, ...(seconds === undefined ? {} : { seconds }) });
  });

try {
  await bench.parseAsync();
} catch (error) {
  const { code, message } = toFailure(error);
  process.stderr.write(`bench: ${message} [${code}]\n`);
  process.exitCode = 1;
}
