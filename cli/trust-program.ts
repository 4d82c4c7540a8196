/** The names, flags and help of `nightshift auth`, `keys` and `release`; their work is in commands/. Part of program.ts. */
import { Option, type Command } from 'commander';
import { CLIENT_ROLES, PERSON_ROLES } from '../contracts/roles.ts';
import { clientRoles, namingCommands, people } from './arguments.ts';
import type { GlobalOptions } from './global-options.ts';

const load = {
  auth: () => import('./commands/auth.ts'),
  keys: () => import('./commands/keys.ts'),
  release: () => import('./commands/release.ts'),
  releaseRestore: () => import('./commands/release-restore.ts'),
};

const JSON_OUTPUT = ['--json', 'print one JSON object to stdout'] as const;
const globals = (command: Command): GlobalOptions => command.optsWithGlobals();

export function authCommands(nightshift: Command): void {
  const auth = nightshift.command('auth').description('who may do what at nats-server').enablePositionalOptions();
  auth
    .command('export')
    .description('print the rights of every role, for the administrator of a server')
    .addOption(new Option('--format <format>', 'for a configuration file, or commands of nsc').choices(['conf', 'nsc']))
    .option('--account <name>', 'nsc: the account of the users', 'NIGHTSHIFT')
    .option('--person <name:role>', `also somebody with a name (${PERSON_ROLES.join(', ')}); may be repeated`, people)
    .action(async (options, command) => (await load.auth()).authExportCommand(options, globals(command)));
  auth
    .command('context')
    .description('write contexts of the NATS CLI, `nats --context <namespace>-<role>`, for the server of `start`')
    .argument('<roles...>', CLIENT_ROLES.join(', '), clientRoles)
    .action(async (roles, _, command) => (await load.auth()).authContextCommand(roles, globals(command)));
  auth
    .command('check')
    .description('try what each role may do and may not do, at the server itself')
    .option(...JSON_OUTPUT)
    .action(async (options, command) => (await load.auth()).authCheckCommand(options, globals(command)));
}

export function signingCommands(nightshift: Command): void {
  const keys = nightshift
    .command('keys')
    .description('list, rotate and revoke the keys by which releases are signed')
    .enablePositionalOptions();
  namingCommands(keys);
  keys
    .command('list', { isDefault: true })
    .description('list the keys that this machine believes, and which of them it has')
    .option(...JSON_OUTPUT)
    .action(async (options, command) => (await load.keys()).keysListCommand(options, globals(command)));
  keys
    .command('rotate')
    .description('make a new key for a name; what the former one signed stays valid')
    .argument('<name>', 'verifier, trainer, orchestrator, operator, or one of these with -<more>')
    .option(...JSON_OUTPUT)
    .action(async (name, options, command) => (await load.keys()).keysRotateCommand(name, options, globals(command)));
  keys
    .command('revoke')
    .description('refuse from now on what a key has signed, or a model or gallery by its digest')
    .argument('<what>', 'id or name of a key, or a digest (sha256:...)')
    .option(...JSON_OUTPUT)
    .action(async (what, options, command) => (await load.keys()).keysRevokeCommand(what, options, globals(command)));
  const release = nightshift.command('release').description('hand a release on, or restore the record of one');
  release
    .command('export')
    .description('write a release as files, with its statement and a signature that model_signing accepts')
    .argument('<what>', 'a model, for its release in service, or a run, for its candidate')
    .requiredOption('--out <folder>', 'the folder; it is made if it is not there')
    .option(...JSON_OUTPUT)
    .action(async (what, options, command) =>
      (await load.release()).releaseExportCommand(what, options, globals(command)),
    );
  release
    .command('restore')
    .description("put a lost deployment record back, from a replica's note on this machine, sealed by its key")
    .argument('<model>', 'model name')
    .option(...JSON_OUTPUT)
    .action(async (model, options, command) =>
      (await load.releaseRestore()).releaseRestoreCommand(model, options, globals(command)),
    );
}
