/** The names, flags and help of `nightshift data`; its work is in commands/data.ts. Part of program.ts. */
import type { Command } from 'commander';
import { positiveNumber } from './arguments.ts';
import type { GlobalOptions } from './global-options.ts';

const load = () => import('./commands/data.ts');

const JSON_OUTPUT = ['--json', 'print one JSON object to stdout'] as const;
const RUN_ID = 'id of the run; `nightshift runs` lists them';
const globals = (command: Command): GlobalOptions => command.optsWithGlobals();

export function dataCommands(nightshift: Command): void {
  const data = nightshift
    .command('data')
    .description("what a night's data was: who is in it, who came and went, what was set aside")
    .enablePositionalOptions();
  data
    .command('show')
    .description('sources, people and images of a run, and what was found beside the model in service')
    .argument('<runId>', RUN_ID)
    .option(...JSON_OUTPUT)
    .action(async (runId, options, command) => (await load()).dataShowCommand(runId, options, globals(command)));
  data
    .command('croissant')
    .description('the snapshot of a run as Croissant JSON-LD, for tools of other people')
    .argument('<runId>', RUN_ID)
    .option('--out <file>', 'write it there (default: standard output)')
    .action(async (runId, options, command) =>
      (await import('./commands/croissant.ts')).croissantCommand(runId, options, globals(command)),
    );
  data
    .command('diff')
    .description('the data of two runs side by side: who came, who left, whose images changed')
    .argument('<from>', RUN_ID)
    .argument('<to>', 'id of the later run')
    .option(...JSON_OUTPUT)
    .action(async (from, to, options, command) => (await load()).dataDiffCommand(from, to, options, globals(command)));
  data
    .command('quarantine')
    .description('list what was set aside, and why')
    .argument('<runId>', RUN_ID)
    .option('--image <n>', 'write the picture of this one, as PNG', positiveNumber)
    .option('--out <file>', 'the file for it (default: nightshift-<runId>-<n>.png in the current folder)')
    .option(...JSON_OUTPUT)
    .action(async (runId, options, command) => (await load()).dataQuarantineCommand(runId, options, globals(command)));
}
