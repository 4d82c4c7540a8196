/**
 * Puts the section `nats` together: the file, the environment over it, the command line over both, each with the context
 * of the NATS CLI that it names. A way to log in replaces that of a weaker layer as a whole, so that two are never
 * mixed. Pure but for the reading of contexts; called by config.ts, which checks the outcome.
 */
import { dirname, resolve } from 'node:path';
import { LOGINS } from './nats.ts';
import { readNatsContext } from './nats-context.ts';

type Settings = Readonly<Record<string, unknown>>;
type Env = Readonly<Record<string, string | undefined>>;

/** What every command may be told; their help is in cli/program.ts. Paths are of files, never a secret itself. */
export interface NatsOptions {
  readonly server?: string | undefined;
  readonly context?: string | undefined;
  readonly creds?: string | undefined;
  readonly nkey?: string | undefined;
  readonly user?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly tlsCa?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly jsDomain?: string | undefined;
  readonly namespace?: string | undefined;
}

/** Environment variable -> its place under `nats`, and what it holds. The names are those of the NATS CLI. */
export const NATS_VARIABLES = {
  NATS_URL: { setting: 'url', holds: 'text' },
  NATS_CONTEXT: { setting: 'context', holds: 'text' },
  NATS_CREDS: { setting: 'creds', holds: 'path of the secret' },
  NATS_NKEY: { setting: 'nkey', holds: 'path of the secret' },
  NATS_USER: { setting: 'user', holds: 'text' },
  NATS_PASSWORD: { setting: 'password', holds: 'the secret' },
  NATS_TOKEN: { setting: 'token', holds: 'the secret' },
  NATS_CA: { setting: 'tls.ca', holds: 'path' },
  NATS_CERT: { setting: 'tls.cert', holds: 'path' },
  NATS_KEY: { setting: 'tls.key', holds: 'path' },
  NATS_JS_DOMAIN: { setting: 'domain', holds: 'text' },
  NIGHTSHIFT_NAMESPACE: { setting: 'namespace', holds: 'text' },
  NIGHTSHIFT_STORE: { setting: 'storeDir', holds: 'text' },
} as const;

/** `written` is what the file has, if it is an object; `file` is where it lies. */
export function layered(written: Settings, file: string, env: Env, options: NatsOptions): Settings {
  const layers = [withPathsFrom(dirname(file), written), fromEnvironment(env), fromOptions(options)];
  return layers.reduce((weaker, layer) => {
    const { context, ...own } = layer;
    // Anything else than a name is left for the schema to refuse.
    if (typeof context !== 'string' || context === '') return over(weaker, layer);
    const others = Object.entries(weaker).filter(([setting]) => !CONNECTION.includes(setting));
    return over({ ...Object.fromEntries(others), ...readNatsContext(context, env) }, own);
  }, {});
}

function fromEnvironment(env: Env): Settings {
  const set: Record<string, unknown> = {};
  for (const [variable, { setting, holds }] of Object.entries(NATS_VARIABLES)) {
    const value = env[variable];
    if (value) put(set, setting, HELD[holds](value, variable));
  }
  return set;
}

const HELD = {
  text: (value: string) => value,
  path: (value: string) => resolve(value),
  'path of the secret': (value: string) => ({ file: resolve(value) }),
  'the secret': (_: string, variable: string) => ({ env: variable }),
} as const;

function fromOptions(options: NatsOptions): Settings {
  const set: Record<string, unknown> = {};
  const path = (value: string) => resolve(value);
  const file = (value: string) => ({ file: resolve(value) });
  const add = (setting: string, value: string | undefined, read: (value: string) => unknown = String) => {
    if (value !== undefined) put(set, setting, read(value));
  };
  add('url', options.server);
  add('context', options.context);
  add('creds', options.creds, file);
  add('nkey', options.nkey, file);
  add('user', options.user);
  add('password', options.passwordFile, file);
  add('token', options.tokenFile, file);
  add('tls.ca', options.tlsCa, path);
  add('tls.cert', options.tlsCert, path);
  add('tls.key', options.tlsKey, path);
  add('domain', options.jsDomain);
  add('namespace', options.namespace);
  return set;
}

function put(settings: Record<string, unknown>, setting: string, value: unknown): void {
  const [section, field] = setting.split('.') as [string, string?];
  settings[section] = field === undefined ? value : { ...asObject(settings[section]), [field]: value };
}

/** A context takes the place of all that a weaker layer says of these. */
const CONNECTION: readonly string[] = [...LOGINS, 'password', 'url', 'tls', 'domain', 'inboxPrefix'];

function over(weaker: Settings, stronger: Settings): Settings {
  const merged: Record<string, unknown> = { ...withoutOtherLogin(weaker, stronger), ...stronger };
  const isMixed = isObject(weaker['tls']) && isObject(stronger['tls']);
  if (isMixed) merged['tls'] = { ...asObject(weaker['tls']), ...asObject(stronger['tls']) };
  return merged;
}

/** A password alone is for the user of the weaker layer. */
function withoutOtherLogin(weaker: Settings, stronger: Settings): Settings {
  const logins = [...LOGINS, 'password'];
  const chosen = logins.filter((login) => stronger[login] !== undefined);
  if (chosen.length === 0) return weaker;
  const isUser = chosen.some((login) => login === 'user' || login === 'password');
  const kept = isUser ? ['user', 'password'] : [];
  return Object.fromEntries(Object.entries(weaker).filter(([key]) => !logins.includes(key) || kept.includes(key)));
}

const SECRETS = ['creds', 'nkey', 'password', 'token'];

/** Paths in a configuration file are relative to it. */
function withPathsFrom(folder: string, written: Settings): Settings {
  const absolute = (value: unknown) => (typeof value === 'string' && value !== '' ? resolve(folder, value) : value);
  const inside = (value: unknown, fields: readonly string[]) =>
    isObject(value)
      ? Object.fromEntries(Object.entries(value).map(([key, it]) => [key, fields.includes(key) ? absolute(it) : it]))
      : value;
  return Object.fromEntries(
    Object.entries(written).map(([key, value]) => {
      if (SECRETS.includes(key)) return [key, inside(value, ['file'])];
      if (key === 'roles' && isObject(value))
        return [key, mapped(value, (login) => withPathsFrom(folder, asObject(login)))];
      return [key, key === 'tls' ? inside(value, ['ca', 'cert', 'key']) : value];
    }),
  );
}

const mapped = (settings: Settings, change: (value: unknown) => unknown): Settings =>
  Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, change(value)]));
const isObject = (value: unknown): value is Settings =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const asObject = (value: unknown): Settings => (isObject(value) ? value : {});
