/** Arguments of the command line that are more than a text: each parser throws with what would be right. Used by program.ts. */
import { InvalidArgumentError } from 'commander';
import { ACTORS, type ActorName } from '../actors/names.ts';
import { CLIENT_ROLES, PERSON_ROLES, type ClientRole, type Person } from '../contracts/roles.ts';

export function positiveNumber(value: string): number {
  if (!/^[1-9]\d{0,5}$/.test(value)) throw new InvalidArgumentError('a whole number from 1');
  return Number(value);
}

export function releaseNumber(value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new InvalidArgumentError('a release is a whole number from 1');
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
