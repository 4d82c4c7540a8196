/** The commands about notifications. */
import type { Command } from 'commander';
import type { GlobalOptions } from './global-options.ts';

export function notifyCommands(nightshift: Command, globals: (command: Command) => GlobalOptions): void {
  nightshift
    .command('notify')
    .description('notifications of nights that did not go well')
    .command('test')
    .description('send a test message to each target of `notify` in this configuration, and say what came back')
    .option('--json', 'print one JSON object to stdout')
    .action(async (options, command) =>
      (await import('./commands/notify.ts')).notifyTestCommand(options, globals(command)),
    );
}
