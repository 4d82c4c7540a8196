/**
 * The section `nats` of the configuration: which server, and how to log in to it. It names where secrets are and holds
 * none (contracts/secret.ts). nats-layers.ts puts it together from the file, the environment and the command line;
 * messaging/connection.ts uses it.
 */
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.ts';
import { ROLES } from '../../contracts/roles.ts';
import { NAMESPACE, NAMESPACE_DEFAULT, NAMESPACE_WORDS } from '../topology/namespace.ts';
import { SecretSchema } from '../../contracts/secret.ts';

/** The ways to log in; one of them at most. A client certificate may be beside each. */
export const LOGINS = ['creds', 'nkey', 'user', 'token'] as const;

const TlsSchema = z
  .strictObject({
    ca: z
      .string()
      .min(1)
      .optional()
      .describe('File with the certificates (PEM) that are trusted. Absent: those that Node trusts.'),
    cert: z
      .string()
      .min(1)
      .optional()
      .describe('File with the client certificate (PEM), for a server that asks for one.'),
    key: z.string().min(1).optional().describe('File with the key (PEM) of `cert`.'),
    first: z
      .boolean()
      .default(false)
      .describe('TLS from the first byte on, for a server with `handshake_first: true`.'),
  })
  .describe('Encryption. If this is there, a server without TLS is refused.');

const InboxPrefixSchema = z
  .string()
  .regex(/^_INBOX[\w-]*(\.[\w-]+)*$/, 'begins with _INBOX and has no wildcards')
  .optional();

const RoleLoginSchema = z
  .strictObject({
    creds: SecretSchema.optional().describe('As `nats.creds`.'),
    nkey: SecretSchema.optional().describe('As `nats.nkey`.'),
    user: z.string().min(1).optional().describe('As `nats.user`.'),
    password: SecretSchema.optional().describe('As `nats.password`.'),
    inboxPrefix: InboxPrefixSchema.describe('As `nats.inboxPrefix`; by default `_INBOX_<namespace>_<role>`.'),
  })
  .superRefine(checkLogin)
  .superRefine((login, context) => {
    if (LOGINS.every((it) => (login as Partial<Record<string, unknown>>)[it] === undefined))
      context.addIssue({ code: 'custom', path: [], message: 'a role needs creds, an nkey, or a user with a password' });
  });

export const NatsConfigSchema = z
  .strictObject({
    url: z
      .string()
      .min(1)
      .superRefine(checkServers)
      .optional()
      .describe(
        'A nats-server that runs already (2.14 or later, with JetStream), or several separated by commas. Absent: one is started on `storeDir`.',
      ),
    context: z
      .string()
      .min(1)
      .optional()
      .describe('Context of the NATS CLI that holds the server and the login. A setting beside it is stronger.'),
    creds: SecretSchema.optional().describe('A `.creds` file, or a variable with its text.'),
    nkey: SecretSchema.optional().describe('The seed of an nkey (`SU...`).'),
    user: z.string().min(1).optional().describe('Name of a user with a `password`.'),
    password: SecretSchema.optional().describe('Password of `user`.'),
    token: SecretSchema.optional().describe('A token.'),
    tls: TlsSchema.optional(),
    namespace: z
      .string()
      .regex(NAMESPACE, NAMESPACE_WORDS)
      .default(NAMESPACE_DEFAULT)
      .describe(
        'First token of every subject and prefix of every stream, bucket, consumer and queue: two namespaces on one server share nothing.',
      ),
    domain: z
      .string()
      .regex(/^[A-Za-z0-9_-]+$/, 'letters, digits, - and _')
      .optional()
      .describe('JetStream domain, if it is another than that of the server to which one connects.'),
    inboxPrefix: InboxPrefixSchema.describe(
      'Begin of the subjects on which answers come, for a user that may subscribe to no other.',
    ),
    roles: z
      .partialRecord(z.enum(ROLES), RoleLoginSchema)
      .optional()
      .describe(
        `Logins of single roles, stronger than the one for all: ${ROLES.join(', ')}. \`nightshift auth export\` prints what each may do.`,
      ),
    insecure: z
      .boolean()
      .default(false)
      .describe(
        'The server that is started asks nobody who it is: every program on the machine may do everything (`start --insecure`).',
      ),
    storeDir: z
      .string()
      .min(1)
      .default('.nightshift')
      .describe('Folder in which the server that is started keeps everything.'),
    port: z
      .number()
      .int()
      .min(0)
      .max(65_535)
      .default(4222)
      .describe('Of the server that is started; NATS clients look at 4222 by themselves. 0: any free one.'),
    replicas: z
      .union([z.literal(1), z.literal(3), z.literal(5)])
      .default(1)
      .describe('Copies of every stream: 1 on a single server, 3 on a cluster.'),
  })
  .superRefine(checkLogin)
  .describe('The nats-server.');
export type NatsConfig = z.infer<typeof NatsConfigSchema>;

/** All that a connection needs but the address. */
export type Login = Pick<
  NatsConfig,
  'creds' | 'nkey' | 'user' | 'password' | 'token' | 'tls' | 'domain' | 'inboxPrefix'
> & {
  /** Absent: the default. */
  readonly namespace?: string;
  /** A key of the server that `start` runs, which lets in nobody without one: a server that does is another. */
  readonly isForOwnServer?: true;
};

/** A server that we start ourselves knows no logins; one that is expected elsewhere must not be missed in silence. */
export function refuseLoginWithoutServer(nats: NatsConfig): void {
  const setting = ([...LOGINS, 'tls', 'domain'] as const).find((it) => nats[it] !== undefined);
  if (nats.url !== undefined || setting === undefined) return;
  throw new PipelineError(
    'CONFIG_INVALID',
    `nats.${setting} is for a server that runs already, but none is named: set nats.url (--server, NATS_URL) as well, or leave it out`,
  );
}

/** `a, b` -> its parts. */
export const serversIn = (url: string): string[] =>
  url
    .split(',')
    .map((server) => server.trim())
    .filter((server) => server !== '');

/** Never with the text itself in the message: it may hold a password. */
function checkServers(url: string, context: z.RefinementCtx): void {
  const refuse = (message: string) => context.addIssue({ code: 'custom', message });
  if (url.includes('@')) {
    refuse(
      'a user, password or token does not belong into an address; write nats.user and nats.password, or nats.token',
    );
  } else if (serversIn(url).length === 0 || !serversIn(url).every(isServer)) {
    refuse('expected are addresses such as nats://127.0.0.1:4222 or tls://nats.internal, separated by commas');
  }
}

const isServer = (server: string) => /^((nats|tls):\/\/)?([\w.-]+|\[[\da-fA-F:.]+\])(:\d{1,5})?\/?$/.test(server);

function checkLogin(nats: Partial<Record<string, unknown>>, context: z.RefinementCtx): void {
  const refuse = (path: string, message: string) =>
    context.addIssue({ code: 'custom', path: path.split('.'), message });
  const chosen = LOGINS.filter((login) => nats[login] !== undefined);
  if (chosen.length > 1) refuse(chosen[1]!, `nats.${chosen[0]} is there as well; one way to log in is enough`);
  if (nats['user'] !== undefined && nats['password'] === undefined) refuse('password', 'nats.user needs it');
  if (nats['password'] !== undefined && nats['user'] === undefined) refuse('user', 'nats.password needs it');
  const { cert, key } = (nats['tls'] ?? {}) as { cert?: string; key?: string };
  if (cert !== undefined && key === undefined) refuse('tls.key', 'nats.tls.cert needs it');
  if (key !== undefined && cert === undefined) refuse('tls.cert', 'nats.tls.key needs it');
}
