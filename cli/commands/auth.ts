/**
 * `nightshift auth`: the rights of each role for the administrator of a server (export), contexts of the NATS CLI for our
 * own server (context), and whether a server gives each role what it should have and nothing else (check).
 */
import { PipelineError } from '../../contracts/errors.ts';
import { isWho } from '../../contracts/identity.ts';
import type { ClientRole, Person } from '../../contracts/roles.ts';
import { checkAccess } from '../../infra/access/check.ts';
import { addressOf } from '../../infra/access/keys.ts';
import { contextNameOf, writeNatsCliContext } from '../../infra/access/nats-cli-context.ts';
import { authorizationOf, nscCommands } from '../../infra/access/server-users.ts';
import { moreRights } from '../../infra/config/sample-streams.ts';
import { createLogger } from '../../runtime/logger.ts';
import type { GlobalOptions } from '../global-options.ts';
import { configOf, serverUrl } from '../with-client.ts';
import { createTable } from '../table.ts';

interface ExportOptions {
  readonly format?: 'conf' | 'nsc';
  readonly account: string;
  readonly person?: readonly Person[];
}

export function authExportCommand(
  { format = 'conf', account, person = [] }: ExportOptions,
  global: GlobalOptions,
): void {
  const config = configOf(global);
  const { namespace } = config.nats;
  const more = moreRights(config);
  const wrong = person.find(({ who }) => !isWho(who));
  if (wrong)
    throw new PipelineError('CONFIG_INVALID', `"${wrong.who}" cannot be the name of a person (docs/operations.md)`);
  const twice = person.find(({ who }, index) => person.findIndex((it) => it.who === who) < index);
  if (twice)
    throw new PipelineError('CONFIG_INVALID', `"${twice.who}" is named twice; a person has one user, and one role`);
  const text =
    format === 'nsc'
      ? nscCommands(namespace, account, person, more)
      : authorizationOf(
          namespace,
          placeFor,
          person.map((it) => ({ ...it, key: placeFor(it.who) })),
          more,
        );
  process.stdout.write(text);
}

const placeFor = (name: string) => `<public nkey of ${name}>`;

export function authContextCommand(roles: readonly ClientRole[], global: GlobalOptions): void {
  const { nats } = configOf(global);
  const url = addressOf(nats.storeDir);
  if (url === null) {
    throw new PipelineError(
      'CONFIG_INVALID',
      `there are no keys in ${nats.storeDir}: run this where \`npm start\` has run, or name its folder with NIGHTSHIFT_STORE`,
    );
  }
  for (const role of roles) {
    const file = writeNatsCliContext(role, url, nats, process.env);
    process.stdout.write(`${file}: nats --context ${contextNameOf(nats.namespace, role)} ...\n`);
  }
}

/** Exit code 1 if anything is otherwise than in the table. */
export async function authCheckCommand({ json }: { readonly json?: boolean }, global: GlobalOptions): Promise<void> {
  const config = configOf(global);
  const results = await checkAccess(config.nats, serverUrl(config), createLogger({ level: 'silent' }));
  const isRight = results.every(({ expected, found }) => expected === found);
  if (json) process.stdout.write(`${JSON.stringify({ isRight, results })}\n`);
  else {
    const table = createTable(['role', 'attempt', 'should be', 'is'], { wraps: { attempt: 24 }, drops: ['should be'] });
    for (const { role, attempt, expected, found } of results) {
      table.push([role, attempt, expected, expected === found ? found : `${found}  <-- WRONG`]);
    }
    process.stdout.write(`${table.toString()}\n${isRight ? 'all as in the table' : 'NOT as in the table'}\n`);
  }
  if (!isRight) process.exitCode = 1;
}
