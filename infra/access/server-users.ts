/**
 * The table of permissions in the words of nats-server: as the part of a configuration file that lets in the roles and
 * nobody else, and as commands of `nsc` for a server in operator mode. Called by server-process.ts and `nightshift auth`.
 */
import { ROLES, type Person, type Role } from '../../contracts/roles.ts';
import { PERMISSIONS, permissionsOfPerson, wirePermissions, type Permissions } from './permissions.ts';

/** `keyOf`: the public nkey of a role. Without an `accounts` section the users are those of the global account. */
export function authorizationOf(
  namespace: string,
  keyOf: (role: Role) => string,
  people: readonly (Person & { readonly key: string })[] = [],
  more: MoreRights = {},
): string {
  const on = (permissions: Permissions) => wirePermissions(namespace, permissions);
  const users = [
    ...ROLES.map((role) => userOf(role, keyOf(role), withMore(on(PERMISSIONS[role]), more[role]))),
    ...people.map(({ key, ...person }) => userOf(person.who, key, on(permissionsOfPerson(person)))),
  ];
  return ['authorization {', '  users: [', ...users, '  ]', '}', ''].join('\n');
}

/** What a role may publish beside its own, as the server knows it. */
export type MoreRights = Readonly<Partial<Record<Role, readonly string[]>>>;

const withMore = (permissions: Permissions, more: readonly string[] = []): Permissions => ({
  ...permissions,
  publish: [...permissions.publish, ...more],
});

function userOf(name: string, key: string, { publish, subscribe, answersMs }: Permissions): string {
  const answers = answersMs === null ? '' : `      allow_responses: { max: 1, expires: "${answersMs}ms" }\n`;
  return `    # ${name}
    { nkey: ${key}, permissions: {
      publish: { allow: ${list(publish)} }
      subscribe: { allow: ${list(subscribe)} }
${answers}    } }`;
}

const list = (subjects: readonly string[]) =>
  `[\n${subjects.map((it) => `        ${JSON.stringify(it)}`).join('\n')}\n      ]`;

interface User {
  readonly name: string;
  readonly permissions: Permissions;
}

/** Of the roles, and of people with names of their own. */
const usersOf = (namespace: string, people: readonly Person[], more: MoreRights): readonly User[] => [
  ...ROLES.map((role) => ({
    name: role,
    permissions: withMore(wirePermissions(namespace, PERMISSIONS[role]), more[role]),
  })),
  ...people.map((person) => ({
    name: person.who,
    permissions: wirePermissions(namespace, permissionsOfPerson(person)),
  })),
];

/** Commands for a shell. `nsc` lets in nothing else as soon as something is allowed. */
export function nscCommands(
  namespace: string,
  account: string,
  people: readonly Person[] = [],
  more: MoreRights = {},
): string {
  return usersOf(namespace, people, more)
    .map(({ name, permissions }) => {
      const { publish, subscribe, answersMs } = permissions;
      const answers = answersMs === null ? [] : ['--allow-pub-response=1', `--response-ttl ${answersMs}ms`];
      const rights = [
        ...publish.map((it) => `--allow-pub ${quoted(it)}`),
        ...subscribe.map((it) => `--allow-sub ${quoted(it)}`),
      ];
      const add = [`nsc add user --account ${account} --name ${name}`, ...rights, ...answers].join(' \\\n  ');
      return `${add}\nnsc generate creds --account ${account} --name ${name} > ${name}.creds\n`;
    })
    .join('\n');
}

/** No subject of ours has an apostrophe. */
const quoted = (subject: string) => `'${subject}'`;
