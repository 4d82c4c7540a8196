/**
 * Whether a command of a document can be meant as it stands, without running it: the command and its options exist in our
 * own program, in package.json, in the NATS CLI, in the gateway's table of routes, among our files. Each answers null, or a
 * sentence about what does not exist.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError, type Command } from 'commander';
import { program } from '../../../cli/program.ts';
import { ROOT } from './blocks.ts';

type Answer = string | null;

/** Null also if nothing is known about the program. `isMention`: it may lack arguments and required options. */
export async function problemOf(words: readonly string[], isMention = false): Promise<Answer> {
  const [first = '', ...rest] = words;
  switch (first) {
    case 'nightshift':
      return problemOfCli(rest, isMention);
    case 'npx':
      return rest[0] === 'nightshift' ? problemOfCli(rest.slice(1), isMention) : null;
    case 'npm':
      return problemOfNpm(rest);
    case 'nats':
      return problemOfNats(rest);
    case 'curl':
      return problemOfCurl(rest);
    case 'node':
    case 'python3':
      return problemOfFile(rest[0] ?? '');
    default:
      return null;
  }
}

/** Of Commander, for a command that is named and not meant to be run as it stands. */
const INCOMPLETE = [
  'commander.missingArgument',
  'commander.missingMandatoryOptionValue',
  'commander.optionMissingArgument',
];

async function problemOfCli(words: readonly string[], isMention: boolean): Promise<Answer> {
  const cli = program('0.0.0');
  mute(cli);
  try {
    await cli.parseAsync(words, { from: 'user' });
    return null;
  } catch (error) {
    if (error instanceof CommanderError) {
      const isFine = error.exitCode === 0 || (isMention && INCOMPLETE.includes(error.code));
      return isFine ? null : error.message;
    }
    throw error;
  }
}

/** Each command is parsed as a user's would be, and then does nothing. */
function mute(command: Command): void {
  command.exitOverride((error) => {
    throw error;
  });
  command.configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} });
  if (command.commands.length === 0) command.action(() => {});
  for (const inner of command.commands) mute(inner);
}

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> };
/** Of npm itself. */
const NPM = ['ci', 'install', 'i', 'rebuild', 'pack'];

function problemOfNpm([verb = '', name = '', ...rest]: readonly string[]): Answer {
  if (NPM.includes(verb)) return null;
  const script = verb === 'run' ? name : verb;
  if (!(script in scripts)) return `package.json has no script ${script}`;
  return script === 'bench' ? problemOfBench(rest) : null;
}

/** `-- <name> [flags]`. */
function problemOfBench([, name = '', ...flags]: readonly string[]): Answer {
  const [, own] = read('bench/run.ts').split(`.command('${name}')`);
  if (own === undefined) return `there is no bench ${name}`;
  const known = own.split('.command(')[0]!;
  const lost = flags
    .map((flag) => flag.replace(/^\[|\]$/g, ''))
    .find((it) => it.startsWith('--') && !known.includes(it));
  return lost === undefined ? null : `the bench ${name} has no ${lost}`;
}

export const hasNats = spawnSync('nats', ['--version']).status === 0;
/** Options of the NATS CLI that stand before its command and have a value. */
const BEFORE = ['--context', '--nkey', '--inbox-prefix', '--server', '-s', '--creds'];
/** Commands of the NATS CLI that have commands. */
const GROUPS = ['micro', 'stream', 'context', 'kv', 'consumer', 'object', 'server'];
const helps = new Map<string, string>();

/** By the help of the NATS CLI itself, where it is installed. */
function problemOfNats(words: readonly string[]): Answer {
  if (!hasNats) return null;
  let from = 0;
  while (BEFORE.includes(words[from] ?? '')) from += 2;
  const path = words.slice(from, from + (GROUPS.includes(words[from] ?? '') ? 2 : 1));
  const help = helps.get(path.join(' ')) ?? helpOf(path);
  if (help === '') return `the NATS CLI has no command ${path.join(' ')}`;
  helps.set(path.join(' '), help);
  const flags = words.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0]!.slice(2));
  const lost = flags.find(
    (flag) => !help.includes(`--${flag}`) && !help.includes(`--[no-]${flag.replace(/^no-/, '')}`),
  );
  return lost === undefined ? null : `nats ${path.join(' ')} has no --${lost}`;
}

function helpOf(path: readonly string[]): string {
  const { status, stdout } = spawnSync('nats', [...path, '--help'], { encoding: 'utf8' });
  return status === 0 ? stdout : '';
}

const { paths } = JSON.parse(read('docs/openapi.json')) as { paths: Readonly<Record<string, object>> };
/** Options of curl that make a request a POST. */
const POSTS = ['--data-binary', '--data', '-d', '--json', '-F', '--form'];

function problemOfCurl(words: readonly string[]): Answer {
  const url = words.find((word) => /^https?:/.test(word));
  if (url === undefined) return 'no address';
  const { pathname } = new URL(url);
  const method = words.some((word) => POSTS.includes(word)) ? 'post' : 'get';
  const route = Object.keys(paths).find((path) =>
    new RegExp(`^${path.replaceAll(/\{[^}]*\}/g, '[^/]+')}$`).test(pathname),
  );
  if (route === undefined) return `the gateway has no ${pathname}`;
  return method in paths[route]! ? null : `${pathname} takes no ${method}`;
}

/** Of ours, if it is written as one of ours. */
const problemOfFile = (path: string): Answer =>
  /^(examples|bench|test)\//.test(path) && !existsSync(join(ROOT, path)) ? `there is no ${path}` : null;
