/**
 * The command line: names, flags and help of every command. Their work is in commands/. Exit codes: 0 done, 1 a run or command
 * did not succeed, 2 wrong usage or configuration, 3 a look (`--dry-run` of apply) that found differences. Code that runs models
 * is loaded only by commands that need it.
 */
import { Argument, Command, Option } from 'commander';
import { ACTORS } from '../actors/names.ts';
import { toFailure } from '../contracts/errors.ts';
import { actorName, namingCommands, portNumber, positiveNumber, releaseNumber, sequenceNumber } from './arguments.ts';
import { backboneCommands } from './commands/backbone.ts';
import { configCommands } from './config-program.ts';
import { facesCommands } from './commands/faces.ts';
import { dataCommands } from './data-program.ts';
import type { SteerVerb } from './commands/steer.ts';
import { STATE_NAMES } from '../contracts/run-words.ts';
import { STAGES } from '../contracts/subjects.ts';
import { SHELLS } from './completion.ts';
import { authCommands, signingCommands } from './trust-program.ts';
import { notifyCommands } from './notify-program.ts';
import { storeCommands } from './store-program.ts';
import { withGlobalOptions, type GlobalOptions } from './global-options.ts';
import { endAnyway } from './shutdown.ts';

const EXIT_CODE_USAGE = 2;

/** A command's module is loaded when the command runs: help, and the word that one is misspelt, need none. */
const load = {
  ask: () => import('./commands/ask.ts'),
  compare: () => import('./commands/compare.ts'),
  completion: () => import('./completion.ts'),
  curve: () => import('./commands/curve.ts'),
  demo: () => import('../demo/demo.ts'),
  dlq: () => import('./commands/dlq.ts'),
  doctor: () => import('./commands/doctor.ts'),
  ready: () => import('./commands/ready.ts'),
  refused: () => import('./commands/refused.ts'),
  audit: () => import('./commands/audit.ts'),
  forget: () => import('./commands/forget.ts'),
  gallery: () => import('./commands/gallery.ts'),
  operate: () => import('./commands/operate.ts'),
  report: () => import('./commands/report.ts'),
  runShow: () => import('./commands/run-show.ts'),
  schedule: () => import('./commands/schedule.ts'),
  setup: () => import('./commands/setup.ts'),
  show: () => import('./commands/show.ts'),
  start: () => import('./commands/start.ts'),
  steer: () => import('./commands/steer.ts'),
};

/** Of the orchestrator. */
const INSPECT = [
  '--inspect [port]',
  'stream the runs to the inspector of Stately, whose page comes from the network: a page of this machine shows it',
  portNumber,
] as const;
const JSON_OUTPUT = ['--json', 'print one JSON object to stdout'] as const;
const WATCH = ['--watch', 'look again every two seconds, until Ctrl-C'] as const;
const REASON = ['--reason <text>', 'why, in words for people'] as const;
const RUN_ID = 'id of the run; `nightshift runs` lists them';
const ALL_MODELS = 'model name; all models if absent';

export async function runProgram(argv: readonly string[], version: string): Promise<void> {
  try {
    await program(version).parseAsync(argv);
  } catch (error) {
    const { code, message } = toFailure(error);
    process.stderr.write(`nightshift: ${message} [${code}]\n`);
    if (code === 'INTERNAL' && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exitCode = code === 'CONFIG_INVALID' ? EXIT_CODE_USAGE : 1;
    endAnyway();
  }
}

export function program(version: string): Command {
  const nightshift = withGlobalOptions(new Command('nightshift'))
    .description('Retrains a recognition model every night and hot-swaps it into service.')
    .version(version, '--version', 'print the version')
    // One line that says what is right, in place of two screens of help.
    .configureOutput({ outputError: (text, write) => write(oneLine(text)) })
    // Without `enablePositionalOptions`: the global options count wherever they stand, before the command or after it.
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_CODE_USAGE));

  nightshift
    .command('start')
    .description('start the server and all actors, and keep them up until Ctrl-C')
    .option('--insecure', 'the server asks nobody who it is: every program on this machine may do everything')
    .option(...INSPECT)
    .action(async (options, command) => {
      await (await load.start()).startCommand(options, globals(command));
    });
  nightshift
    .command('setup')
    .description(
      'make the streams, buckets and consumers on a server of your own, or change them to those of this version',
    )
    .option('--dry-run', 'only say what would be made or changed')
    .option('--force', 'also lower copies, limits and ages to those of this version and configuration')
    .option(...JSON_OUTPUT)
    .action(async (options, command) => (await load.setup()).setupCommand(options, globals(command)));
  nightshift
    .command('actor')
    .description('run one actor against a running server')
    .argument('<name>', ACTORS.join(', '), actorName)
    .option(...INSPECT)
    .action(async (name, options, command) => {
      await (await load.start()).actorCommand(name, options, globals(command));
    });
  nightshift
    .command('ready')
    .description('whether the processes on this machine can work: exit code 0 or 1, for healthchecks')
    .argument('[name]', `start, ${ACTORS.join(', ')}; all that run here if absent`)
    .option(...JSON_OUTPUT)
    .action(async (name, options, command) => (await load.ready()).readyCommand(name, options, globals(command)));
  const run = nightshift.command('run').description('start a run now, or show one').enablePositionalOptions();
  namingCommands(run);
  run
    .command('start', { isDefault: true })
    .description('start a run and follow it to its end')
    .argument('[model]', 'model name', 'face')
    .option('--detach', 'do not follow the run')
    .option('--force', 'train and judge also if data, configuration and champion are unchanged')
    .option(...JSON_OUTPUT)
    .action(async (model, options, command) => (await load.operate()).runCommand(model, options, globals(command)));
  run
    .command('show')
    .description("show the verdict on a run's candidate, and its time line: states, causes, and how long each lasted")
    .argument('<runId>', RUN_ID)
    .option('--at <n>', 'show the run as it was after its n-th transition', positiveNumber)
    .option(...WATCH)
    .option(...JSON_OUTPUT)
    .action(async (runId, options, command) => (await load.runShow()).runShowCommand(runId, options, globals(command)));
  nightshift
    .command('status')
    .description('show what is in service and what is under way')
    .option(...WATCH)
    .option(...JSON_OUTPUT)
    .action(async (options, command) => (await load.show()).statusCommand(options, globals(command)));
  nightshift
    .command('doctor')
    .description('look at all parts of the system, and say of each fault how to mend it')
    .option(...JSON_OUTPUT)
    .action(async (options, command) => (await load.doctor()).doctorCommand(options, globals(command)));
  nightshift
    .command('runs')
    .description('list runs, newest first')
    .option('--model <name>', 'of this model')
    .addOption(new Option('--state <state>', 'in this state').choices(STATE_NAMES))
    .option('--active', 'only those that have not ended')
    .option('--since <time>', 'nothing older: 7d, 12h, 30m, or a date')
    .option('--before <runId>', 'older than this run')
    .option('--limit <n>', 'how many at most', positiveNumber, 50)
    .option(...WATCH)
    .option(...JSON_OUTPUT)
    .action(async (options, command) => (await load.show()).runsCommand(options, globals(command)));
  nightshift
    .command('curve')
    .description("show the learning curve of a run's training, pass by pass")
    .argument('<runId>', RUN_ID)
    .option('--out <file>', 'also write the curve to this file, as an SVG')
    .option(...JSON_OUTPUT)
    .action(async (runId, options, command) => (await load.curve()).curveCommand(runId, options, globals(command)));
  nightshift
    .command('report')
    .description("write the report of a run's verification as one HTML file")
    .argument('<runId>', RUN_ID)
    .option('--out <file>', 'the file (default: nightshift-<runId>.html in the current folder)')
    .option('--open', 'also open it, where the machine has a program for that')
    .addOption(new Option('--card', "print the model's card, as Markdown").conflicts('json'))
    .option(...JSON_OUTPUT)
    .action(async (runId, options, command) => (await load.report()).reportCommand(runId, options, globals(command)));
  nightshift
    .command('compare')
    .description('two runs side by side: verdicts, figures, speed, and what was configured otherwise')
    .argument('<from>', RUN_ID)
    .argument('<to>', 'id of the later run')
    .option(...JSON_OUTPUT)
    .action(async (from, to, options, command) =>
      (await load.compare()).compareCommand(from, to, options, globals(command)),
    );
  nightshift
    .command('deployments')
    .description('show which release served when, and why')
    .argument('[model]', ALL_MODELS)
    .option(...JSON_OUTPUT)
    .action(async (model, options, command) =>
      (await load.show()).deploymentsCommand(model, options, globals(command)),
    );
  nightshift
    .command('cancel')
    .description('stop a run and undo what it did')
    .argument('<runId>', RUN_ID)
    .option('--force', 'end the run without waiting for its worker')
    .option(...REASON)
    .option(...JSON_OUTPUT)
    .action(async (runId, options, command) => (await load.operate()).cancelCommand(runId, options, globals(command)));
  nightshift
    .command('rollback')
    .description('put the previous release back into service, or an earlier one')
    .argument('[model]', 'model name', 'face')
    .option('--to <release>', 'the release to bring back; `nightshift deployments` lists them', releaseNumber)
    .option(...REASON)
    .option(...JSON_OUTPUT)
    .action(async (model, options, command) =>
      (await load.operate()).rollbackCommand(model, options, globals(command)),
    );
  configCommands(nightshift);
  dataCommands(nightshift);
  authCommands(nightshift);
  steerCommands(nightshift);
  galleryCommands(nightshift);
  approvalCommands(nightshift);
  forgetCommand(nightshift);
  storeCommands(nightshift, globals);
  notifyCommands(nightshift, globals);
  scheduleCommands(nightshift);
  deadLetterCommands(nightshift);
  nightshift
    .command('refused')
    .description('list operator commands that were refused, with their senders and the reasons')
    .option('--limit <n>', 'how many at most', positiveNumber, 20)
    .option(...JSON_OUTPUT)
    .action(async (options, command) => (await load.refused()).refusedCommand(options, globals(command)));
  nightshift
    .command('audit')
    .description('list who commanded what, and who enrolled or removed people')
    .option('--since <time>', 'nothing older: 7d, 12h, 30m, or a date', '7d')
    .option('--limit <n>', 'how many at most', positiveNumber, 100)
    .option(...JSON_OUTPUT)
    .action(async (options, command) => (await load.audit()).auditCommand(options, globals(command)));
  backboneCommands(nightshift);
  facesCommands(nightshift);
  signingCommands(nightshift);
  nightshift
    .command('demo')
    .description('show two nights, a bad night and a rollback under live traffic, in a temporary folder')
    .option('--data <folder>', 'use real images, one folder per person, instead of synthetic faces')
    .option(...JSON_OUTPUT)
    .action(async (options) => {
      await (await load.demo()).demoCommand(options);
    });
  nightshift
    .command('completion')
    .description('print a script by which a shell completes commands and flags')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action(async (shell) => {
      process.stdout.write((await load.completion()).completionScript(nightshift, shell));
    });
  return nightshift;
}

/** Commander puts the nearest command into a second line. */
const oneLine = (text: string): string => `${text.trim().replaceAll(/\s*\n\s*/g, ' ')}; see --help\n`;

/** Commands about one run that are answered at once. */
function steerCommands(nightshift: Command): void {
  const about = (verb: string, description: string) =>
    nightshift
      .command(verb)
      .description(description)
      .argument('<runId>', RUN_ID)
      .option(...REASON)
      .option(...JSON_OUTPUT);
  for (const [verb, description] of Object.entries(STEERED) as [SteerVerb, string][]) {
    about(verb, description).action(async (runId, options, command) =>
      (await load.steer()).steerCommand(verb, runId, options, globals(command)),
    );
  }
  about('retry', 'start a new run at the stage where an ended one failed, with its results and configuration').action(
    async (runId, options, command) => (await load.steer()).retryCommand(runId, options, globals(command)),
  );
  about('fork', 'start a new run from a stage of another, with a changed configuration')
    .addOption(new Option('--from <stage>', 'first stage of the new run').choices(STAGES).makeOptionMandatory())
    .option(
      '--changes <json>',
      'changes to the configuration, such as {"training":{"epochs":5}}; @file reads them from a file',
    )
    .action(async (runId, options, command) => (await load.steer()).forkCommand(runId, options, globals(command)));
  nightshift
    .command('bless')
    .description('put the candidate of a rejected or inconclusive run into service by hand')
    .argument('<runId>', RUN_ID)
    .requiredOption('--by <name>', 'name of the person who answers for it; kept in the ledger')
    .requiredOption('--reason <text>', 'why, in words for people; kept in the ledger')
    .option(...JSON_OUTPUT)
    .action(async (runId, options, command) => (await load.steer()).blessCommand(runId, options, globals(command)));
}

const STEERED: Readonly<Record<SteerVerb, string>> = {
  pause: 'let the stage under way end, and begin no other',
  resume: 'continue a run that is paused or needs an operator',
  approve: 'put the candidate of a run that waits for approval into service',
  reject: 'keep the candidate of a run that waits for approval out of service',
};

function galleryCommands(nightshift: Command): void {
  nightshift
    .command('enroll')
    .description("add a person, or more images of one, to a model's gallery, at once and in every release")
    .argument('<model>', 'model name')
    .argument('<person>', 'name of the person')
    .argument('<images...>', 'image files')
    .option(...JSON_OUTPUT)
    .action(async (model, person, images, options, command) =>
      (await load.gallery()).enrollCommand(model, person, images, options, globals(command)),
    );
  nightshift
    .command('ask')
    .description('who is on a picture (identify), or is it that person (verify)? Asked as a door asks')
    .argument('<model>', 'model name')
    .addArgument(new Argument('<verb>', 'the question').choices(['identify', 'verify']))
    .argument('<image>', 'an image file')
    .option('--person <name>', 'verify: whose face it should be')
    .option(...JSON_OUTPUT)
    .action(async (model, verb, image, options, command) =>
      (await load.ask()).askCommand(model, verb, image, options, globals(command)),
    );
  nightshift
    .command('remove')
    .description("remove a person from a model's gallery, at once and in every release")
    .argument('<model>', 'model name')
    .argument('<person>', 'name of the person')
    .option(...JSON_OUTPUT)
    .action(async (model, person, options, command) =>
      (await load.gallery()).removeCommand(model, person, options, globals(command)),
    );
}

function approvalCommands(nightshift: Command): void {
  const gallery = nightshift
    .command('gallery')
    .description('who is in a gallery, and changes of it that wait for a second person (gallery.approval)')
    .enablePositionalOptions();
  namingCommands(gallery);
  gallery
    .command('pending', { isDefault: true })
    .description('list the changes that wait')
    .argument('[model]', 'model name', 'face')
    .option(...JSON_OUTPUT)
    .action(async (model, options, command) => (await load.gallery()).pendingCommand(model, options, globals(command)));
  gallery
    .command('people')
    .description('list who is in it, by name')
    .argument('[model]', 'model name', 'face')
    .option('--search <text>', 'part of the name')
    .option('--limit <n>', 'how many at most', positiveNumber, 50)
    .option('--after <name>', 'the page behind this name')
    .option(...JSON_OUTPUT)
    .action(async (model, options, command) => (await load.gallery()).peopleCommand(model, options, globals(command)));
  gallery
    .command('approve')
    .description('make a change that another person has asked for')
    .argument('<id>', 'its id in the list')
    .option('--model <name>', 'model name', 'face')
    .option(...JSON_OUTPUT)
    .action(async (id, options, command) => (await load.gallery()).approveCommand(id, options, globals(command)));
  gallery
    .command('reject')
    .description('drop a change that waits, with its image; also one of your own')
    .argument('<id>', 'its id in the list')
    .option('--model <name>', 'model name', 'face')
    .option(...JSON_OUTPUT)
    .action(async (id, options, command) => (await load.gallery()).rejectChangeCommand(id, options, globals(command)));
}

function forgetCommand(nightshift: Command): void {
  nightshift
    .command('forget')
    .description('take a person out of all that is stored, and leave them out of later nights')
    .argument('<person>', 'name of the person')
    .option('--yes', 'do not ask')
    .addOption(new Option('--dry-run', 'look for the person and change nothing').conflicts('undo'))
    .option('--undo', 'let the person be collected again; what was taken out is gone')
    .option(...JSON_OUTPUT)
    .action(async (person, options, command) => (await load.forget()).forgetCommand(person, options, globals(command)));
}

function scheduleCommands(nightshift: Command): void {
  const schedule = nightshift
    .command('schedule')
    .description('list, pause and resume the schedules that start runs')
    .enablePositionalOptions();
  namingCommands(schedule);
  schedule
    .command('list', { isDefault: true })
    .description('list the schedules, their next slots, and the outcome of the latest')
    .argument('[model]', ALL_MODELS)
    .option(...JSON_OUTPUT)
    .action(async (model, options, command) =>
      (await load.schedule()).scheduleListCommand(model, options, globals(command)),
    );
  schedule
    .command('pause')
    .description('skip the slots of a model until its schedule is resumed')
    .argument('[model]', 'model name', 'face')
    .option(...REASON)
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
  const dlq = nightshift
    .command('dlq')
    .description('list dead letters (messages that nobody could handle), send them again or drop them')
    .enablePositionalOptions();
  namingCommands(dlq);
  dlq
    .command('list', { isDefault: true })
    .description('list the newest dead letters with their reasons')
    .option('--limit <n>', 'how many at most', positiveNumber, 20)
    .option(...JSON_OUTPUT)
    .action(async (options, command) => (await load.dlq()).dlqListCommand(options, globals(command)));
  dlq
    .command('show')
    .description('show a whole dead letter: reason, headers, body')
    .argument('<seq>', 'its number in the list', sequenceNumber)
    .option(...JSON_OUTPUT)
    .action(async (seq, options, command) => (await load.dlq()).dlqShowCommand(seq, options, globals(command)));
  dlq
    .command('redrive')
    .description('publish a dead letter again under its subject')
    .argument('<seq>', 'its number in the list', sequenceNumber)
    .action(async (seq, _, command) => (await load.dlq()).dlqEndCommand('redriven', seq, globals(command)));
  dlq
    .command('drop')
    .description('throw a dead letter away')
    .argument('<seq>', 'its number in the list', sequenceNumber)
    .action(async (seq, _, command) => (await load.dlq()).dlqEndCommand('dropped', seq, globals(command)));
}

const globals = (command: Command): GlobalOptions => command.optsWithGlobals();
