/**
 * One webhook, signed after the Standard Webhooks specification: HMAC-SHA256 over id, time and body. Redirects are not
 * followed and the answer's body is not read, so a receiver can neither send us elsewhere nor fill our memory.
 */
import { createHmac } from 'node:crypto';
import { request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { refusedAddress, type WebhookTarget } from '../../contracts/configuration/notify.ts';
import type { Notice, WebhookBody } from '../../contracts/notification.ts';
import { readOne } from '../secrets.ts';
import { notSent } from './not-sent.ts';

const SECRET = /^whsec_([A-Za-z0-9+/]+={0,2})$/;
const [KEY_BYTES_MIN, KEY_BYTES_MAX] = [24, 64];

export interface Letter {
  /** The same for the same occasion, also when it is sent again. */
  readonly id: string;
  readonly notice: Notice;
  readonly signal: AbortSignal;
}

/** Returns what came back. Throws NOTIFICATION_FAILED unless that is a 2xx; its message has no secret in it. */
export async function sendWebhook(name: string, target: WebhookTarget, letter: Letter, now: Date): Promise<string> {
  const place = `notify.webhooks.${name}`;
  const url = urlOf(place, target);
  const key = keyOf(place, target);
  const { id, notice } = letter;
  const made: WebhookBody = { type: `nightshift.${notice.kind}`, timestamp: notice.at, data: notice };
  const body = JSON.stringify(made);
  const timestamp = Math.floor(now.getTime() / 1000);
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'user-agent': 'nightshift',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`,
  };
  const status = await post(url, headers, body, letter.signal).catch((cause: unknown) => {
    throw notSent(`${place} at ${url.origin}: ${whyOf(cause, letter.signal)}`, cause);
  });
  if (status >= 200 && status < 300) return `HTTP ${status}`;
  const hint = status >= 300 && status < 400 ? '; redirects are not followed, so write the address itself' : '';
  throw notSent(`${place} at ${url.origin} answered HTTP ${status}${hint}`);
}

function urlOf(place: string, { url: given, insecure }: WebhookTarget): URL {
  const text = typeof given === 'string' ? given : readOne(`${place}.url`, given);
  if (!URL.canParse(text)) throw notSent(`${place}.url is no address`);
  const url = new URL(text);
  const refused = refusedAddress(url, insecure);
  if (refused) throw notSent(`${place}.url: ${refused}`);
  return url;
}

function keyOf(place: string, { secret }: WebhookTarget): Buffer {
  const encoded = SECRET.exec(readOne(`${place}.secret`, secret))?.[1];
  const key = Buffer.from(encoded ?? '', 'base64');
  if (key.length >= KEY_BYTES_MIN && key.length <= KEY_BYTES_MAX) return key;
  const how = `whsec_ and ${KEY_BYTES_MIN} to ${KEY_BYTES_MAX} bytes as base64, such as of \`openssl rand -base64 32\``;
  throw notSent(`${place}.secret is not ${how}`);
}

/** A connection for each: notices are rare. */
function post(url: URL, headers: Readonly<Record<string, string>>, body: string, signal: AbortSignal): Promise<number> {
  const request = url.protocol === 'https:' ? requestTls : requestPlain;
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', headers, signal, agent: false });
    asked.once('error', reject).once('response', (response) => {
      response.on('error', () => {}).destroy(); // Its body is not read.
      resolve(response.statusCode ?? 0);
    });
    asked.end(body);
  });
}

/** The code is enough: a message may have the address in it. */
function whyOf(cause: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'no answer in time';
  const { code } = cause as NodeJS.ErrnoException; // What node:http throws.
  return `no connection, or not to the end (${code ?? 'no code'})`;
}
