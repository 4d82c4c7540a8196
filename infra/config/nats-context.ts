/**
 * Reads a context of the NATS CLI (`nats context add prod ...`), so that Nightshift logs in as that does. The file may
 * hold a password or token; what is taken from it is the place, not the secret. Called by nats-layers.ts.
 */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.ts';
import type { Secret } from '../../contracts/secret.ts';

const text = z.string().optional();
/** Fields of others (colours, say) are left out of account. */
const ContextSchema = z.object({
  ...{ url: text, user: text, password: text, creds: text, nkey: text, token: text },
  ...{ ca: text, cert: text, key: text, tls_first: z.boolean().optional() },
  ...{ jetstream_domain: text, inbox_prefix: text },
  ...{ nsc: text, socks_proxy: text, jetstream_api_prefix: text, user_jwt: text, windows_cert_store: text },
});
type Context = z.infer<typeof ContextSchema>;

/** Ways of the NATS CLI that Nightshift does not know, each with the way out. */
const UNSUPPORTED: Partial<Record<keyof Context, string>> = {
  nsc: 'write the login into a file with `nsc generate creds` and name it as creds',
  user_jwt: 'write the login into a .creds file and name it as creds',
  socks_proxy: 'a proxy cannot be used',
  jetstream_api_prefix: 'name a JetStream domain instead',
  windows_cert_store: 'name the certificate as a file',
};

type Env = Readonly<Record<string, string | undefined>>;

/** As settings of the section `nats`, not yet checked. Throws CONFIG_INVALID. */
export function readNatsContext(name: string, env: Env): Readonly<Record<string, unknown>> {
  if (!/^[^/\\]+$/.test(name) || name.includes('..')) throw refused(`"${name}" is no name of a NATS context`);
  const file = join(env['XDG_CONFIG_HOME'] || join(homeOf(env), '.config'), 'nats', 'context', `${name}.json`);
  if (!existsSync(file)) {
    throw refused(`there is no NATS context "${name}": ${file} does not exist; \`nats context ls\` lists them`);
  }
  const context = parse(file);
  for (const [field, wayOut] of Object.entries(UNSUPPORTED)) {
    if (context[field as keyof Context]) throw refused(`the NATS context ${file} uses ${field}: ${wayOut}`);
  }
  return settingsOf(context, file, homeOf(env));
}

const homeOf = (env: Env) => env['HOME'] || homedir();

/** An empty text counts as absent: the NATS CLI writes every field. */
function settingsOf(context: Context, file: string, home: string): Readonly<Record<string, unknown>> {
  const path = (value: string | undefined) => value && resolve(value.replace(/^~(?=\/)/, home));
  const held = (field: 'password' | 'token'): Secret | undefined => (context[field] ? { file, field } : undefined);
  const tls = { ca: path(context.ca), cert: path(context.cert), key: path(context.key), first: context.tls_first };
  return withoutEmpty({
    url: context.url,
    ...loginOf(context, path, held),
    tls: Object.values(tls).some(Boolean) ? withoutEmpty(tls) : undefined,
    domain: context.jetstream_domain,
    inboxPrefix: context.inbox_prefix,
  });
}

/** If a context has several, the NATS CLI takes the first in this order. */
function loginOf(
  context: Context,
  path: (value: string | undefined) => string | undefined,
  held: (field: 'password' | 'token') => Secret | undefined,
): Readonly<Record<string, unknown>> {
  if (context.user) return { user: context.user, password: held('password') };
  if (context.creds) return { creds: { file: path(context.creds) } };
  if (context.nkey) return { nkey: { file: path(context.nkey) } };
  return { token: held('token') };
}

const withoutEmpty = (settings: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined && value !== ''));

/** The parser's own error would show a part of the text, which may be a secret. */
function parse(file: string): Context {
  let written: unknown;
  try {
    written = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw refused(`the NATS context ${file} is not readable JSON`);
  }
  const parsed = ContextSchema.safeParse(written);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map(({ path }) => path.join('.') || 'the whole');
  throw refused(`the NATS context ${file} does not fit: ${fields.join(', ')}`);
}

const refused = (message: string) => new PipelineError('CONFIG_INVALID', message);
