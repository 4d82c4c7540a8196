/**
 * The command line: names, flags and help of every command. Their work is in commands/. Exit codes: 0 done, 1 a run or
 * command did not succeed, 2 wrong usage or configuration. Code that runs models is loaded only by commands that need
 * it.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { ACTORS, type ActorName } from '../actors/names.ts';
import { toFailure } from '../contracts/errors.ts';
import type { SteerVerb } from './commands/steer.ts';
import { STAGES } from '../contracts/subjects.ts';
import type { GlobalOptions } from './global-options.ts';

const EXIT_CODE_USAGE = 2;

/** A command's module is loaded when the command runs: help, and the word that one is misspelt, need none. */
const load = {
  curve: () => import('./commands/curve.ts'),
  demo: () => import('../demo/demo.ts'),
  dlq: () => import('./commands/dlq.ts'),
  gallery: () => import('./commands/gallery.ts'),
  operate: () => import('./commands/operate.ts'),
  runShow: () => import('./commands/run-show.ts'),
  schedule: () => import('./commands/schedule.ts'),
  show: () => import('./commands/show.ts'),
  start: () => import('./commands/start.ts'),
  steer: () => import('./commands/steer.ts'),
};

export async function runProgram(argv: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(argv);
  } catch (error) {
    const { code, message } = toFailure(error);
    process.stderr.write(`nightshift: ${message} [${code}]\n`);
    if (code === 'INTERNAL' && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exitCode = code === 'CONFIG_INVALID' ? EXIT_CODE_USAGE : 1;
  }
}

function program(): Command {
  const nightshift = new Command('nightshift')
    .description('Retrains a recognition model every night and hot-swaps it into service.')
    .option('--config <file>', 'configuration file (default: nightshift.config.json if it is there)')
    .option('--server <url>', 'nats-server of a running system (default: NATS_URL, else nats://127.0.0.1:4222)')
    .showHelpAfterError()
    .enablePositionalOptions()
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_CODE_USAGE));
  const json = ['--json', 'print one JSON object to stdout'] as const;

  nightshift
    .command('start')
    .description('bring up the server and all actors, until Ctrl-C')
    .action(async (_, command) => {
      await (await load.start()).startCommand(globals(command));
    });
  nightshift
    .command('actor')
    .description('run one actor against a running server')
    .argument('<name>', ACTORS.join(', '), actorName)
    .action(async (name, _, command) => {
      await (await load.start()).actorCommand(name, globals(command));
    });
  const run = nightshift.command('run').description('start a run now, or show one').enablePositionalOptions();
  run
    .command('start', { isDefault: true })
    .description('start a run now and follow it to its end')
    .argument('[model]', 'model name', 'face')
    .option('--detach', 'do not follow the run')
    .option(...json)
    .action(async (model, options, command) => (await load.operate()).runCommand(model, options, globals(command)));
  run
    .command('show')
    .description('the time line of a run: states, what led there, how long, who')
    .argument('<runId>')
    .option('--at <n>', 'the state as it was after the n-th transition', positiveNumber)
    .option(...json)
    .action(async (runId, options, command) => (await load.runShow()).runShowCommand(runId, options, globals(command)));
  nightshift
    .command('status')
    .description('what is in service, and what is under way')
    .option(...json)
    .action(async (options, command) => (await load.show()).statusCommand(options, globals(command)));
  nightshift
    .command('runs')
    .description('the latest runs')
    .option(...json)
    .action(async (options, command) => (await load.show()).runsCommand(options, globals(command)));
  nightshift
    .command('curve')
    .description("how a run's training went, pass by pass")
    .argument('<runId>')
    .option('--out <file>', 'also write the picture stored with the run, an SVG')
    .option(...json)
    .action(async (runId, options, command) => (await load.curve()).curveCommand(runId, options, globals(command)));
  nightshift
    .command('deployments')
    .description('which release served when, and why')
    .argument('[model]')
    .option(...json)
    .action(async (model, options, command) =>
      (await load.show()).deploymentsCommand(model, options, globals(command)),
    );
  nightshift
    .command('cancel')
    .description('stop a run and undo what it did')
    .argument('<runId>')
    .option('--force', 'end it without waiting for its worker')
    .option('--reason <text>')
    .option(...json)
    .action(async (runId, options, command) => (await load.operate()).cancelCommand(runId, options, globals(command)));
  nightshift
    .command('rollback')
    .description('put the previous release back into service, or an earlier one')
    .argument('[model]', 'model name', 'face')
    .option('--to <release>', 'the release whose pair is to serve again; `deployments` lists them', releaseNumber)
    .option('--reason <text>')
    .option(...json)
    .action(async (model, options, command) =>
      (await load.operate()).rollbackCommand(model, options, globals(command)),
    );
  steerCommands(nightshift);
  galleryCommands(nightshift);
  scheduleCommands(nightshift);
  deadLetterCommands(nightshift);
  nightshift
    .command('demo')
    .description('two nights, a bad night and a rollback under live traffic, in a throw-away folder')
    .option('--data <folder>', 'real images, one folder per person, instead of synthetic faces')
    .option(...json)
    .action(async (options) => {
      await (await load.demo()).demoCommand(options);
    });
  return nightshift;
}

/** Commands about one run that are answered at once. */
function steerCommands(nightshift: Command): void {
  const json = ['--json', 'print one JSON object to stdout'] as const;
  const about = (verb: string, description: string) =>
    nightshift
      .command(verb)
      .description(description)
      .argument('<runId>')
      .option('--reason <text>')
      .option(...json);
  for (const [verb, description] of Object.entries(STEERED) as [SteerVerb, string][]) {
    about(verb, description).action(async (runId, options, command) =>
      (await load.steer()).steerCommand(verb, runId, options, globals(command)),
    );
  }
  about('retry', 'begin a new run where an ended one failed, with its results and configuration').action(
    async (runId, options, command) => (await load.steer()).retryCommand(runId, options, globals(command)),
  );
  about('fork', 'begin a new run from a stage of another, with a changed configuration')
    .addOption(new Option('--from <stage>', 'first stage of the new run').choices(STAGES).makeOptionMandatory())
    .option('--changes <json>', 'what differs, such as {"training":{"epochs":5}}; @file reads it from a file')
    .action(async (runId, options, command) => (await load.steer()).forkCommand(runId, options, globals(command)));
}

const STEERED: Readonly<Record<SteerVerb, string>> = {
  pause: 'let the stage under way end and begin no other',
  resume: 'go on with a run that is paused, or that needs an operator',
  approve: 'put the candidate of a run that waits for approval into service',
  reject: 'keep the candidate of a run that waits for approval out of service',
};

function galleryCommands(nightshift: Command): void {
  nightshift
    .command('enroll')
    .description('let a model know a person by one or more images, at once and in every release')
    .argument('<model>')
    .argument('<person>')
    .argument('<images...>', 'image files')
    .option('--json', 'print one JSON object to stdout')
    .action(async (model, person, images, options, command) =>
      (await load.gallery()).enrollCommand(model, person, images, options, globals(command)),
    );
  nightshift
    .command('remove')
    .description('let a model forget a person, at once and in every release')
    .argument('<model>')
    .argument('<person>')
    .option('--json', 'print one JSON object to stdout')
    .action(async (model, person, options, command) =>
      (await load.gallery()).removeCommand(model, person, options, globals(command)),
    );
}

function scheduleCommands(nightshift: Command): void {
  const schedule = nightshift
    .command('schedule')
    .description('when runs start by themselves')
    .enablePositionalOptions();
  schedule
    .command('list', { isDefault: true })
    .description('the schedules, their next slots and what became of the latest')
    .argument('[model]')
    .option('--json', 'print one JSON object to stdout')
    .action(async (model, options, command) =>
      (await load.schedule()).scheduleListCommand(model, options, globals(command)),
    );
  schedule
    .command('pause')
    .description('skip the slots of a model until it is resumed')
    .argument('[model]', 'model name', 'face')
    .option('--reason <text>')
    .action(async (model, options, command) =>
      (await load.schedule()).schedulePauseCommand(model, options, globals(command)),
    );
  schedule
    .command('resume')
    .description('let slots start runs again, from the next one on')
    .argument('[model]', 'model name', 'face')
    .action(async (model, _, command) => (await load.schedule()).scheduleResumeCommand(model, globals(command)));
}

function deadLetterCommands(nightshift: Command): void {
  const dlq = nightshift.command('dlq').description('messages that nobody could handle').enablePositionalOptions();
  const json = ['--json', 'print one JSON object to stdout'] as const;
  dlq
    .command('list', { isDefault: true })
    .description('the newest dead letters, with their reasons')
    .option('--limit <n>', 'how many', Number, 20)
    .option(...json)
    .action(async (options, command) => (await load.dlq()).dlqListCommand(options, globals(command)));
  dlq
    .command('show')
    .description('one dead letter whole: reason, headers, body')
    .argument('<seq>', 'its number in the list', Number)
    .option(...json)
    .action(async (seq, options, command) => (await load.dlq()).dlqShowCommand(seq, options, globals(command)));
  dlq
    .command('redrive')
    .description('publish a dead letter again under its subject')
    .argument('<seq>', 'its number in the list', Number)
    .action(async (seq, _, command) => (await load.dlq()).dlqEndCommand('redriven', seq, globals(command)));
  dlq
    .command('drop')
    .description('throw a dead letter away')
    .argument('<seq>', 'its number in the list', Number)
    .action(async (seq, _, command) => (await load.dlq()).dlqEndCommand('dropped', seq, globals(command)));
}

const globals = (command: Command): GlobalOptions => command.optsWithGlobals();

function positiveNumber(value: string): number {
  if (!/^[1-9]\d{0,5}$/.test(value)) throw new InvalidArgumentError('a whole number from 1');
  return Number(value);
}

function releaseNumber(value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new InvalidArgumentError('a release is a whole number from 1');
  return Number(value);
}

function actorName(value: string): ActorName {
  const found = ACTORS.find((name) => name === value);
  if (!found) throw new InvalidArgumentError(`there are ${ACTORS.join(', ')}`);
  return found;
}
