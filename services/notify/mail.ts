/**
 * One e-mail by nodemailer, which speaks SMTP with its logins, STARTTLS and encodings; loaded when the first one is sent.
 * A connection to another machine is encrypted unless the target says otherwise. Its `Message-ID` is that of the occasion.
 */
import { isLoopbackUrl, type MailTarget } from '../../contracts/configuration/notify.ts';
import { readOne } from '../secrets.ts';
import { notSent } from './not-sent.ts';
import type { Letter } from './webhook.ts';
import { mailText } from './words.ts';

/** Returns what the server said. Throws NOTIFICATION_FAILED; its message has no secret in it. */
export async function sendMail(name: string, target: MailTarget, letter: Letter, timeoutMs: number): Promise<string> {
  const place = `notify.mail.${name}`;
  const server = serverOf(place, target);
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({
    ...server,
    ...{ connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs, dnsTimeout: timeoutMs },
    // Nothing is read from a file or an address because a text says so.
    ...{ disableFileAccess: true, disableUrlAccess: true },
  });
  const close = () => transport.close();
  letter.signal.addEventListener('abort', close, { once: true });
  try {
    const { notice, id } = letter;
    const sent = await Promise.race([
      transport.sendMail({
        ...{ from: target.from, to: [...target.to], subject: notice.title, text: mailText(notice) },
        messageId: `<${id}@nightshift.invalid>`,
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Nightshift-Kind': notice.kind },
      }),
      abortOf(letter.signal),
    ]);
    return `SMTP ${sent.response.slice(0, 3)}, ${sent.accepted.length} of ${target.to.length} receivers`;
  } catch (cause) {
    throw notSent(`${place} by ${server.host}:${server.port}: ${whyOf(cause, letter.signal)}`, cause);
  } finally {
    letter.signal.removeEventListener('abort', close);
    close();
  }
}

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true });
  });
}

function serverOf(place: string, { smtp, insecure }: MailTarget) {
  const text = readOne(`${place}.smtp`, smtp);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'smtp:' && url.protocol !== 'smtps:') || url.hostname === '')
    throw notSent(`${place}.smtp is no address such as smtps://user:password@host`);
  const secure = url.protocol === 'smtps:';
  const [user, pass] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port) || (secure ? 465 : 587),
    secure,
    requireTLS: !secure && !insecure && !isLoopbackUrl(url),
    ...(user !== '' && { auth: { user, pass } }),
  };
}

/** A server's own text may repeat what it was sent. */
function whyOf(cause: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'no answer in time';
  const { code, responseCode } = cause as { code?: string; responseCode?: number }; // What nodemailer throws.
  return responseCode === undefined ? `not sent (${code ?? 'no code'})` : `answered ${responseCode} (${code})`;
}
