/** The commands about what is stored: its size, what holds it, and the deletion of what nothing refers to. */
import type { Command } from 'commander';
import type { GlobalOptions } from './global-options.ts';

const JSON_OUTPUT = ['--json', 'print one JSON object to stdout'] as const;

export function storeCommands(nightshift: Command, globals: (command: Command) => GlobalOptions): void {
  nightshift
    .command('disk')
    .description('what takes how much of the store, and what holds it')
    .option(...JSON_OUTPUT)
    .action(async (options, command) => (await import('./commands/disk.ts')).diskCommand(options, globals(command)));
  nightshift
    .command('gc')
    .description('delete what nothing refers to any more; the janitor does it after each run')
    .option('--dry-run', 'say what would be deleted')
    .option(...JSON_OUTPUT)
    .action(async (options, command) => (await import('./commands/gc.ts')).gcCommand(options, globals(command)));
}
