/**
 * How a role logs in: as the configuration says for that role, else as it says for everybody, else with the key of our
 * own server, if the address is that of the server which these keys belong to. Called by main.ts and the commands.
 */
import { existsSync } from 'node:fs';
import { inboxPrefixOf, type Role } from '../../contracts/roles.ts';
import { LOGINS, serversIn, type Login, type NatsConfig } from '../config/nats.ts';
import { hostOf } from '../messaging/greeting.ts';
import { wireInbox } from '../topology/namespace.ts';
import { addressOf, keyFileOf } from './keys.ts';

/** Empty if nothing is configured and the server at `url` is not ours. */
export function loginOf(nats: NatsConfig, role: Role, url: string): Login {
  const { tls, domain, namespace } = nats;
  const inboxPrefix = wireInbox(namespace, inboxPrefixOf(role));
  const shared = { namespace, ...(tls ? { tls } : {}), ...(domain === undefined ? {} : { domain }) };
  const own = nats.roles?.[role];
  if (own) return { inboxPrefix, ...shared, ...own };
  if (LOGINS.some((login) => nats[login] !== undefined) || tls) return nats;
  const file = keyFileOf(nats.storeDir, role);
  if (!isSameServer(url, addressOf(nats.storeDir)) || !existsSync(file)) return nats;
  return { ...shared, nkey: { file }, inboxPrefix, isForOwnServer: true };
}

/** Whether somebody may have put another login or certificate into the place of the one that was read. */
export const isReadFromFiles = ({ tls, isForOwnServer, ...login }: Login): boolean =>
  !isForOwnServer &&
  (tls !== undefined || SECRETS.some((secret) => login[secret] !== undefined && 'file' in login[secret]));

/** The settings without the logins of other roles, for a process that is one of these and no other. */
export function onlyFor(nats: NatsConfig, ...wanted: readonly Role[]): NatsConfig {
  const { roles, ...shared } = nats;
  const own = Object.entries(roles ?? {}).filter(([role]) => wanted.some((it) => it === role));
  return own.length === 0 ? shared : { ...shared, roles: Object.fromEntries(own) };
}

/** The environment without the variables that hold the secrets of other roles alone. */
export function environmentFor(
  nats: NatsConfig,
  wanted: Role | readonly Role[],
  env: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const kept = variablesOf(onlyFor(nats, ...[wanted].flat()));
  const foreign = new Set(variablesOf(nats).filter((name) => !kept.includes(name)));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.has(name)));
}

const SECRETS = ['creds', 'nkey', 'password', 'token'] as const;

function variablesOf({ roles = {}, ...shared }: NatsConfig): readonly string[] {
  const logins: readonly Partial<Pick<NatsConfig, (typeof SECRETS)[number]>>[] = [shared, ...Object.values(roles)];
  return logins
    .flatMap((login) => SECRETS.map((secret) => login[secret]))
    .flatMap((secret) => (secret !== undefined && 'env' in secret ? [secret.env] : []));
}

const LOOPBACK = ['localhost', '127.0.0.1'];

/** Our own server listens on this machine alone. A name that leads elsewhere gets no signature of ours. */
function isSameServer(url: string, ours: string | null): boolean {
  const [server, ...others] = serversIn(url);
  if (ours === null || server === undefined || others.length > 0) return false;
  const [asked, known] = [hostOf(server), hostOf(ours)];
  return LOOPBACK.includes(asked.host) && asked.port === known.port;
}
