/**
 * The section `gateway` of the configuration: where HTTP is answered, who may log in there, and the limits that keep it
 * small. It names where secrets are and holds none. actors/gateway/ obeys it.
 */
import { z } from 'zod';
import { WhoSchema } from '../../contracts/identity.ts';
import { CLIENT_ROLES } from '../../contracts/roles.ts';
import { SecretSchema } from '../../contracts/secret.ts';

/** Nobody registered it, and no part of Nightshift or NATS uses it. */
const PORT_DEFAULT = 7480;

/** On these nobody from another machine can call. */
const LOOPBACK: readonly string[] = ['127.0.0.1', '::1', 'localhost'];
export const isLoopback = (host: string) => LOOPBACK.includes(host);

const LoginSchema = z
  .strictObject({
    token: SecretSchema.optional().describe(
      'The secret that a request carries as `Authorization: Bearer …`: 16 characters at least.',
    ),
    certificate: z
      .string()
      .regex(/^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$/, 'a SHA-256 fingerprint, as `openssl x509 -fingerprint -sha256`')
      .optional()
      .describe("SHA-256 fingerprint of the caller's certificate, in place of a token; see `tls.clientCa`."),
    role: z.enum(CLIENT_ROLES).describe('As whom the gateway acts for this caller.'),
    who: WhoSchema.optional().describe('The name of the person, if the login at NATS is that of a named person.'),
    creds: SecretSchema.optional().describe('Login at NATS of that role or person, as `nats.creds`.'),
    nkey: SecretSchema.optional().describe('The same, as `nats.nkey`. With neither, the login of the role is used.'),
  })
  .superRefine(({ token, certificate, creds, nkey }, context) => {
    const refuse = (message: string) => context.addIssue({ code: 'custom', path: [], message });
    if (token === undefined && certificate === undefined) refuse('a login needs a token or a certificate');
    if (creds !== undefined && nkey !== undefined) refuse('creds or an nkey, not both');
  });
export type GatewayLogin = z.infer<typeof LoginSchema>;

const TlsSchema = z
  .strictObject({
    cert: z.string().min(1).describe('File with the certificate (PEM) of the gateway.'),
    key: z.string().min(1).describe('File with its key (PEM).'),
    clientCa: z
      .string()
      .min(1)
      .optional()
      .describe('File with the authority (PEM) whose client certificates are let in; all others are turned away.'),
  })
  .describe('HTTPS. Absent: HTTP, for this machine or behind a proxy that encrypts.');

export const GatewayConfigSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('False: `nightshift start` starts no gateway.'),
    host: z
      .string()
      .min(1)
      .default('127.0.0.1')
      .describe('Address on which it listens. Any but loopback demands `logins` or `tls.clientCa`.'),
    port: z.number().int().min(0).max(65_535).default(PORT_DEFAULT).describe('0: any that is free.'),
    logins: z
      .record(z.string().regex(/^[A-Za-z0-9_-]{1,64}$/), LoginSchema)
      .default({})
      .describe(
        'Callers who may act, each by a name for the log. On a server of our own each role has a token in its store besides: `keys/<role>.token`.',
      ),
    tls: TlsSchema.optional(),
    requestsMax: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(128)
      .describe(
        'Requests under way of one caller who is alone; one more is answered 429 at once. Several share the places.',
      ),
    requestsPerSecondMax: z
      .number()
      .int()
      .min(1)
      .max(1_000_000)
      .default(500)
      .describe(
        'Requests in a second of one login, or of one address without one, over two seconds; one more is answered 429 with the time to wait.',
      ),
    bodiesMaxMiB: z
      .number()
      .int()
      .min(8)
      .max(1_024)
      .default(16)
      .describe(
        'Bodies of all requests under way together, and so what replicas are sent at once, each up to three times: nats-server ends the connection of a replica that has more than 64 MiB to read.',
      ),
    streamsMax: z.number().int().min(1).max(1_000).default(32).describe('Listeners to the events at once.'),
  })
  .superRefine(({ host, logins, tls }, context) => {
    if (isLoopback(host) || Object.keys(logins).length > 0 || tls?.clientCa !== undefined) return;
    const message = `${host} is no loopback address, so a login is needed: write gateway.logins or gateway.tls.clientCa`;
    context.addIssue({ code: 'custom', path: ['host'], message });
  })
  .describe('HTTP: health, metrics, recognition, and the API for pages and programs.');
export type GatewayConfig = z.infer<typeof GatewayConfigSchema>;

/** The environment variables in which secrets of its logins are. */
export const variablesOfLogins = ({ logins }: Pick<GatewayConfig, 'logins'>): readonly string[] =>
  Object.values(logins)
    .flatMap(({ token, creds, nkey }) => [token, creds, nkey])
    .flatMap((secret) => (secret !== undefined && 'env' in secret ? [secret.env] : []));
