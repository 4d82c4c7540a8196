/**
 * As much of S3 as the source asks for, on a loopback port: ListObjectsV2 with pages, GetObject with If-Match, and logins by
 * Signature Version 4, which is checked. For tests; no server that npm installs works with AWS's client of today.
 */
import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const S3_LOGIN = { accessKeyId: 'NIGHTSHIFT', secretAccessKey: 's3cr3t+of/tests' } as const;
export const S3_BUCKET = 'people';

export interface S3Server {
  readonly endpoint: string;
  /** By key. May be changed while it serves. */
  readonly objects: Map<string, Buffer>;
  /** Keys that were sent whole, and lists. */
  readonly sent: string[];
  /** Answers instead of the server, if it is given and answers a status. */
  refuse: ((key: string) => number | null) | null;
  /** Answers in its place if it says so; the key of a list is empty. */
  instead: ((key: string, response: ServerResponse) => boolean) | null;
}

/** Small, so that a list has several pages. */
const PAGE_KEYS = 5;

export async function withS3(use: (server: S3Server) => Promise<void>): Promise<void> {
  const s3: State = { objects: new Map(), sent: [], refuse: null, instead: null };
  const server = createServer((request, response) => answer(s3, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has an AddressInfo.
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await use(Object.assign(s3, { endpoint }));
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

type State = Omit<S3Server, 'endpoint'>;

function answer(s3: State, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const [bucket, ...rest] = pathname.slice(1).split('/').map(decodeURIComponent);
  const key = rest.join('/');
  if (!isSigned(request)) return fail(response, 403, 'SignatureDoesNotMatch');
  if (bucket !== S3_BUCKET) return fail(response, 404, 'NoSuchBucket');
  const refused = s3.refuse?.(key) ?? null;
  if (refused !== null) return fail(response, refused, 'Refused');
  if (s3.instead?.(key, response)) return;
  return key === '' ? sendList(s3, searchParams, response) : sendObject(s3, key, request, response);
}

function sendList(s3: State, query: URLSearchParams, response: ServerResponse): void {
  const [prefix, after] = [query.get('prefix') ?? '', query.get('continuation-token') ?? ''];
  const keys = [...s3.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
  const page = keys.slice(0, PAGE_KEYS);
  const isCut = keys.length > page.length;
  s3.sent.push('list');
  const contents = page.map((key) => {
    const bytes = s3.objects.get(key)!; // It is one of them.
    return `<Contents><Key>${escaped(key)}</Key><ETag>${escaped(etagOf(bytes))}</ETag><Size>${bytes.length}</Size></Contents>`;
  });
  const next = isCut ? `<NextContinuationToken>${escaped(page.at(-1)!)}</NextContinuationToken>` : '';
  response
    .writeHead(200, { 'content-type': 'application/xml' })
    .end(`<ListBucketResult><IsTruncated>${isCut}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`);
}

function sendObject({ objects, sent }: State, key: string, request: IncomingMessage, response: ServerResponse): void {
  const bytes = objects.get(key);
  if (!bytes) return fail(response, 404, 'NoSuchKey');
  const wanted = request.headers['if-match'];
  if (wanted !== undefined && wanted !== etagOf(bytes)) return fail(response, 412, 'PreconditionFailed');
  sent.push(key);
  return void response.writeHead(200, { etag: etagOf(bytes) }).end(bytes);
}

function fail(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' }).end(`<Error><Code>${code}</Code></Error>`);
}

const etagOf = (bytes: Buffer) => `"${createHash('md5').update(bytes).digest('hex')}"`;
const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html */
function isSigned({ method, url = '/', headers }: IncomingMessage): boolean {
  const given =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d+)\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)$/;
  const found = given.exec(headers.authorization ?? '');
  if (!found) return false;
  const [, id, day, region, names, signature] = found as unknown as [string, string, string, string, string, string];
  const [path = '', query = ''] = url.split('?');
  const canonical = [
    ...[method, path, query.split('&').sort().join('&')],
    ...names.split(';').map((name) => `${name}:${String(headers[name]).trim()}`),
    ...['', names, headers['x-amz-content-sha256']],
  ].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const steps = [day, region, 's3', 'aws4_request'];
  const key = steps.reduce<Buffer>((so, step) => hmac(so, step), Buffer.from(`AWS4${S3_LOGIN.secretAccessKey}`));
  return id === S3_LOGIN.accessKeyId && hmac(key, text).toString('hex') === signature;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
