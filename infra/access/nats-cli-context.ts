/**
 * Contexts of the NATS CLI for people and programs beside our own server: address, key and inbox of a role, under the name
 * `<namespace>-<role>`. Called by `nightshift auth context`; config/nats-context.ts reads such files.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { inboxPrefixOf, type ClientRole } from '../../contracts/roles.ts';
import type { NatsConfig } from '../config/nats.ts';
import { wireInbox } from '../topology/namespace.ts';
import { keyFileOf } from './keys.ts';

type Env = Readonly<Record<string, string | undefined>>;

export const contextNameOf = (namespace: string, role: ClientRole) => `${namespace}-${role}`;

/** Replaces one of the same name, and returns the path of the file. It names the place of the key, not the key. */
export function writeNatsCliContext(
  role: ClientRole,
  url: string,
  { storeDir, namespace }: Pick<NatsConfig, 'storeDir' | 'namespace'>,
  env: Env,
): string {
  const config = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config');
  const folder = join(config, 'nats', 'context');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${contextNameOf(namespace, role)}.json`);
  const context = {
    description: `Nightshift in ${storeDir}, as ${role}`,
    url,
    nkey: keyFileOf(storeDir, role),
    inbox_prefix: wireInbox(namespace, inboxPrefixOf(role)),
  };
  writeFileSync(file, `${JSON.stringify(context, null, 2)}\n`, { mode: 0o600 });
  return file;
}
