/** Arguments of the command line that are more than a text: each parser throws with what would be right. Used by program.ts. */
import { InvalidArgumentError, type Command } from 'commander';
import { ACTORS, type ActorName } from '../actors/names.ts';
import { CLIENT_ROLES, PERSON_ROLES, type ClientRole, type Person } from '../contracts/roles.ts';

export function positiveNumber(value: string): number {
  if (!/^[1-9]\d{0,5}$/.test(value)) throw new InvalidArgumentError('a whole number from 1');
  return Number(value);
}

/** A place in a stream. */
export function sequenceNumber(value: string): number {
  if (!/^[1-9]\d{0,14}$/.test(value)) throw new InvalidArgumentError('a whole number from 1');
  return Number(value);
}

export function releaseNumber(value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new InvalidArgumentError('a release is a whole number from 1');
  return Number(value);
}

/** 0: any that is free. */
export function portNumber(value: string): number {
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) throw new InvalidArgumentError('a port from 0 to 65535');
  return Number(value);
}

export function people(value: string, before: readonly Person[] = []): readonly Person[] {
  const [who = '', role = '', ...more] = value.split(':');
  const found = PERSON_ROLES.find((it) => it === role);
  if (who !== '' && found && more.length === 0) return [...before, { who, role: found }];
  throw new InvalidArgumentError(`such as alice:operator; roles are ${PERSON_ROLES.join(', ')}`);
}

export function clientRoles(value: string, roles: readonly ClientRole[] = []): readonly ClientRole[] {
  const found = CLIENT_ROLES.find((role) => role === value);
  if (!found) throw new InvalidArgumentError(`there are ${CLIENT_ROLES.join(', ')}`);
  return [...roles, found];
}

export function actorName(value: string): ActorName {
  const found = ACTORS.find((name) => name === value);
  if (!found) throw new InvalidArgumentError(`there are ${ACTORS.join(', ')}`);
  return found;
}

/**
 * Of a group whose one command may go without its name, such as `dlq [list]`: a word that is no command of it, with more
 * behind it than that one takes, is a misspelt command and no argument.
 */
export function namingCommands(group: Command): Command {
  return group.hook('preSubcommand', (_, chosen) => {
    const [word = '', ...more] = group.args.slice(0, firstOption(group.args));
    const names = group.commands.map((it) => it.name());
    if (names.includes(word) || more.length < chosen.registeredArguments.length || word === '') return;
    group.error(`error: ${group.name()} has no command '${word}'; it has ${names.join(', ')}`);
  });
}

const firstOption = (args: readonly string[]) => {
  const found = args.findIndex((it) => it.startsWith('-'));
  return found === -1 ? args.length : found;
};
