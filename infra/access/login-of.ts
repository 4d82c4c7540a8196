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

const LOOPBACK = ['localhost', '127.0.0.1'];

/** Our own server listens on this machine alone. A name that leads elsewhere gets no signature of ours. */
function isSameServer(url: string, ours: string | null): boolean {
  const [server, ...others] = serversIn(url);
  if (ours === null || server === undefined || others.length > 0) return false;
  const [asked, known] = [hostOf(server), hostOf(ours)];
  return LOOPBACK.includes(asked.host) && asked.port === known.port;
}
