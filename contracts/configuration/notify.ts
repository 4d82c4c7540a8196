/**
 * The section `notify` of the configuration file: who is told of what, and where. It is read from the file of the
 * orchestrator's machine alone; no message brings an address. services/notify/ sends.
 */
import { z } from 'zod';
import { NOTICE_KINDS } from '../notification.ts';
import { SecretSchema } from '../secret.ts';

const OCCASIONS = NOTICE_KINDS.filter((kind) => kind !== 'test');

/** Known to nobody else: a message to these leaves no machine. */
const LOOPBACK: readonly string[] = ['127.0.0.1', '[::1]', 'localhost'];
export const isLoopbackUrl = (url: URL) => LOOPBACK.includes(url.hostname);

const kinds = z
  .array(z.enum(OCCASIONS))
  .min(1)
  .default([...OCCASIONS])
  .describe('The occasions that it is told; all if absent.');
const insecure = z
  .boolean()
  .default(false)
  .describe('True: without encryption also to another machine, where everybody on the way can read it.');

const WebhookSchema = z.strictObject({
  url: z
    .union([z.url({ protocol: /^https?$/ }), SecretSchema])
    .describe('Address to POST to: HTTPS, or HTTP on this machine. A secret where the address has a token in it.'),
  secret: SecretSchema.describe(
    'The key that signs: `whsec_` and 24 to 64 bytes as base64. The receiver has the same.',
  ),
  kinds,
  insecure,
});
export type WebhookTarget = z.infer<typeof WebhookSchema>;

const MailSchema = z.strictObject({
  smtp: SecretSchema.describe(
    'Address of the mail server with its login: `smtps://user:password@host` or `smtp://user:password@host:587`, which must offer STARTTLS.',
  ),
  from: z.string().min(3).max(320).describe('Sender, such as `Nightshift <nightshift@example.org>`.'),
  to: z.array(z.string().min(3).max(320)).min(1).max(50).describe('Receivers.'),
  kinds,
  insecure,
});
export type MailTarget = z.infer<typeof MailSchema>;

const NAME = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, "-" and "_", at most 64');
/** One notice is offered to all at once. */
const TARGETS_MAX = 16;

export const NotifyConfigSchema = z
  .strictObject({
    webhooks: z.record(NAME, WebhookSchema).default({}).describe('Webhooks, each by a name for log and `notify test`.'),
    mail: z.record(NAME, MailSchema).default({}).describe('E-mails, each by a name.'),
    consoleUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe(
        'Where people reach the gateway, such as `https://nightshift.example.org`. Absent: notices have no link.',
      ),
    details: z
      .boolean()
      .default(true)
      .describe(
        'False: without messages of failures, reasons and lines of the log, which may have names of people in them.',
      ),
    giveUpAfterHours: z
      .number()
      .min(1)
      .max(7 * 24)
      .default(3 * 24)
      .describe('A notice that a receiver has not taken for so long becomes a dead letter.'),
  })
  .superRefine(({ webhooks, mail }, context) => {
    const refuse = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    const names = [...Object.keys(webhooks), ...Object.keys(mail)];
    if (names.length > TARGETS_MAX) refuse([], `at most ${TARGETS_MAX} targets`);
    for (const name of Object.keys(webhooks))
      if (name in mail) refuse(['mail', name], `a webhook is called ${name} too`);
    for (const [name, { url, insecure: isAllowed }] of Object.entries(webhooks)) {
      if (typeof url !== 'string' || !URL.canParse(url)) continue;
      const refused = refusedAddress(new URL(url), isAllowed);
      if (refused) refuse(['webhooks', name, 'url'], refused);
    }
  })
  .describe(
    'People and programs that are told of nights that did not go well (docs/notifications.md). Read by the orchestrator.',
  );
export type NotifyConfig = z.infer<typeof NotifyConfigSchema>;

export const NO_NOTIFY: NotifyConfig = NotifyConfigSchema.parse({});

/** Why an address is not called; null if it may be. It never says the address. */
export function refusedAddress(url: URL, isAllowed: boolean): string | null {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'an address that begins with https:// is needed';
  if (url.username !== '' || url.password !== '') return 'a login in an address is sent nowhere; leave it out';
  if (url.protocol === 'https:' || isAllowed || isLoopbackUrl(url)) return null;
  return 'HTTP to another machine can be read by everybody on the way: use https, or set `insecure`';
}

/** The environment variables in which its secrets are. */
export const variablesOfNotify = ({ webhooks, mail }: Pick<NotifyConfig, 'webhooks' | 'mail'>): readonly string[] =>
  [
    ...Object.values(webhooks).flatMap(({ url, secret }) => [url, secret]),
    ...Object.values(mail).map(({ smtp }) => smtp),
  ].flatMap((place) => (typeof place === 'object' && 'env' in place ? [place.env] : []));
