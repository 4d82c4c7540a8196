/** The names, flags and help of `nightshift apply` and `nightshift config`; their work is in commands/. Part of program.ts. */
import { InvalidArgumentError, type Command } from 'commander';
import { namingCommands } from './arguments.ts';
import type { GlobalOptions } from './global-options.ts';

const load = {
  apply: () => import('./commands/apply.ts'),
  config: () => import('./commands/config.ts'),
};

const JSON_OUTPUT = ['--json', 'print one JSON object to stdout'] as const;
const REASON = ['--reason <text>', 'why, in words for people'] as const;
const YES = ['--yes', 'do not ask'] as const;
const DRY_RUN = ['--dry-run', 'only say what would change; exit code 3 if anything would'] as const;

export function configCommands(nightshift: Command): void {
  nightshift
    .command('apply')
    .description('make the pipelines and schedules of a configuration file those of the running system')
    .option('-f, --file <file>', 'the file (default: as of --config)')
    .option('--prune', 'also remove the models that the file does not name')
    .option(...DRY_RUN)
    .option(...YES)
    .option(...REASON)
    .option(...JSON_OUTPUT)
    .action(async (options, command) => (await load.apply()).applyCommand(options, globals(command)));
  const config = nightshift
    .command('config')
    .description('the configuration of the system: its history, one revision, and back to an earlier one')
    .enablePositionalOptions();
  namingCommands(config);
  config
    .command('history', { isDefault: true })
    .description('list the revisions that are kept, with who applied each')
    .argument('[model]', 'model name; all models if absent')
    .option(...JSON_OUTPUT)
    .action(async (model, options, command) =>
      (await load.config()).configHistoryCommand(model, options, globals(command)),
    );
  config
    .command('show')
    .description('show the configuration that counts, or an earlier revision')
    .argument('[model]', 'model name; all models if absent')
    .option('--revision <n>', 'its number in the history', revisionNumber)
    .option(...JSON_OUTPUT)
    .action(async (model, options, command) =>
      (await load.config()).configShowCommand(model, options, globals(command)),
    );
  config
    .command('rollback')
    .description('make an earlier revision of a model count again, as a new one')
    .argument('<model>', 'model name')
    .argument('<revision>', 'its number in the history', revisionNumber)
    .option(...DRY_RUN)
    .option(...YES)
    .option(...REASON)
    .option(...JSON_OUTPUT)
    .action(async (model, revision, options, command) =>
      (await load.config()).configRollbackCommand(model, revision, options, globals(command)),
    );
}

const globals = (command: Command): GlobalOptions => command.optsWithGlobals();

function revisionNumber(value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new InvalidArgumentError('a revision is a whole number from 1');
  return Number(value);
}
