/** Receivers of notices as people have them: a web server that takes webhooks, and a mail server. Both in this process. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { Webhook } from 'standardwebhooks';
import { WebhookBodySchema, type Notice } from '../../contracts/notification.ts';

export const WEBHOOK_SECRET = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;

export interface Taken {
  readonly id: string;
  readonly notice: Notice;
}

export interface Receiver {
  readonly url: string;
  /** With what it answers from now on; null: not at all. */
  answerWith(status: number | null, headers?: Readonly<Record<string, string>>): void;
  /** All that came, answered or not. */
  readonly asked: Taken[];
  /** Those that it took. */
  readonly taken: Taken[];
}

/** Every request is checked by the reference implementation; one that is not well signed fails the test. */
export async function withReceiver<T>(use: (receiver: Receiver) => Promise<T>): Promise<T> {
  const [asked, taken]: [Taken[], Taken[]] = [[], []];
  let answer: { status: number | null; headers: Readonly<Record<string, string>> } = { status: 204, headers: {} };
  const broken: unknown[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await text(request);
    try {
      const one = verified(body, request.headers);
      asked.push(one);
      if (answer.status === null) return;
      if (answer.status < 300) taken.push(one);
      response.writeHead(answer.status, answer.headers).end('an answer that nobody reads');
    } catch (error) {
      broken.push(error);
      response.writeHead(400).end();
    }
  };
  const server = createServer((request, response) => {
    take(request, response).catch((error: unknown) => broken.push(error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  try {
    const answerWith: Receiver['answerWith'] = (status, headers = {}) => void (answer = { status, headers });
    const result = await use({ url, answerWith, asked, taken });
    if (broken.length > 0) throw broken[0];
    return result;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

function verified(body: string, headers: IncomingHttpHeaders): Taken {
  const sent = new Webhook(WEBHOOK_SECRET).verify(body, headers as Record<string, string>);
  const { type, data } = WebhookBodySchema.parse(sent);
  if (type !== `nightshift.${data.kind}`) throw new Error(`the type ${type} is not that of ${data.kind}`);
  return { id: String(headers['webhook-id']), notice: data };
}

export interface MailServer {
  readonly port: number;
  /** As they came, with their headers. */
  readonly mails: string[];
  /** Names and passwords of those who logged in. */
  readonly logins: string[];
}

export async function withMailServer<T>(
  use: (server: MailServer) => Promise<T>,
  options: SMTPServerOptions = {},
): Promise<T> {
  const [mails, logins]: [string[], string[]] = [[], []];
  const server = new SMTPServer({
    ...{ authOptional: true, allowInsecureAuth: true, disabledCommands: ['STARTTLS'], logger: false },
    onAuth: ({ username, password }, _session, callback) => {
      logins.push(`${username}:${password}`);
      callback(null, { user: username });
    },
    onData: (stream, _session, callback) => {
      const chunks: Buffer[] = [];
      stream
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () => {
          mails.push(Buffer.concat(chunks).toString());
          callback();
        });
    },
    ...options,
  });
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  try {
    return await use({ port: (listening.address() as AddressInfo).port, mails, logins });
  } finally {
    await new Promise<void>((resolve) => server.close(resolve));
  }
}
