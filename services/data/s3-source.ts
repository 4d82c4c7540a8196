/**
 * A data source over a bucket of S3, or of anything that speaks as S3 does (MinIO, Ceph, Garage, R2 ...): as in a folder, each
 * person is the first part of a key behind the prefix, `<prefix><person>/**\/<image>`, and `<image>.json` has tags. An object is
 * fetched again only if its ETag is another. AWS's own client signs, retries and lists; it is loaded when it is needed.
 */
import { Agent } from 'node:https';
import type { Readable } from 'node:stream';
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { PHOTOGRAPHS_DEFAULT, type S3SourceConfig } from '../../contracts/configuration/sources.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { mapInOrder } from '../../runtime/bounded.ts';
import { linkAbort } from '../../runtime/linked-abort.ts';
import { readOne } from '../secrets.ts';
import { tlsOf } from './http-request.ts';
import { isPicture } from './image-format.ts';
import { isSidecar, judgedByName, naturally } from './people-folder.ts';
import { tagsIn } from './sidecar.ts';
import {
  SourceChanged,
  type DataSource,
  type PassedOver,
  type SourceContext,
  type SourceFault,
  type SourceItem,
  type SourceSample,
} from './strategy.ts';

/** Fetched at once; each is one photograph at most. */
const OBJECTS_AT_ONCE = 8;
/** Records of so many keys take about 2 GB. */
const OBJECTS_MAX = 10_000_000;
/** As of a folder: see directory-source.ts. */
const SIDECAR_BYTES_MAX = 64 * 1024;

/** Throws SOURCE_UNREACHABLE (retryable), SOURCE_INVALID, SourceChanged or CONFIG_INVALID while its samples are read. */
export function createS3Source(options: S3SourceConfig, context: SourceContext = {}): DataSource {
  return { name: options.name, type: 's3', samples: (signal) => readObjects(options, context, signal) };
}

interface Stored {
  readonly key: string;
  /** Behind the prefix: `person/file`. */
  readonly id: string;
  readonly etag: string;
  readonly bytes: number;
}

type Sdk = typeof import('@aws-sdk/client-s3');

/** Of one source, under way. */
interface Reading {
  readonly options: S3SourceConfig;
  readonly sdk: Sdk;
  readonly client: S3Client;
  readonly cache: SourceContext['cache'];
  readonly signal: AbortSignal;
}

async function* readObjects(
  options: S3SourceConfig,
  { cache }: SourceContext,
  signal: AbortSignal,
): AsyncGenerator<SourceItem> {
  signal.throwIfAborted();
  const sdk = await import('@aws-sdk/client-s3');
  const client = new sdk.S3Client(settingsOf(options));
  try {
    const reading = { options, sdk, client, cache, signal };
    yield* itemsOf(reading, await list(reading));
    await cache?.sweep();
  } finally {
    client.destroy();
  }
}

function settingsOf(options: S3SourceConfig): S3ClientConfig {
  const { name, endpoint, region, pathStyle, timeoutMs, attemptsMax, accessKeyId, secretAccessKey, sessionToken } =
    options;
  const secret = (setting: string, place: typeof accessKeyId) =>
    place && readOne(`source "${name}": ${setting}`, place);
  const [id, key] = [secret('accessKeyId', accessKeyId), secret('secretAccessKey', secretAccessKey)];
  const token = secret('sessionToken', sessionToken);
  const credentials = id !== undefined &&
    key !== undefined && { accessKeyId: id, secretAccessKey: key, ...(token && { sessionToken: token }) };
  return {
    ...{
      region,
      maxAttempts: attemptsMax,
      ...(endpoint !== undefined && { endpoint }),
      ...(credentials && { credentials }),
    },
    forcePathStyle: pathStyle ?? endpoint !== undefined,
    requestHandler: {
      ...{ connectionTimeout: timeoutMs, requestTimeout: timeoutMs, throwOnRequestTimeout: true },
      httpsAgent: new Agent({ keepAlive: true, ...tlsOf({ name, url: endpoint ?? '', tls: options.tls }) }),
    },
    // Servers that only resemble S3 know no newer checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  };
}

async function list({ options, sdk, client, signal }: Reading): Promise<Stored[]> {
  const { bucket, prefix } = options;
  const found: Stored[] = [];
  const seen = new Set<string>();
  let token: string | undefined;
  do {
    signal.throwIfAborted();
    const input = { Bucket: bucket, Prefix: prefix, ...(token !== undefined && { ContinuationToken: token }) };
    const page = await client
      .send(new sdk.ListObjectsV2Command(input), { abortSignal: signal })
      .catch((error: unknown) => {
        throw failureOf(error, options, 'the list of its objects', signal);
      });
    for (const { Key: key = '', ETag: etag = '', Size: bytes = 0 } of page.Contents ?? [])
      if (!key.endsWith('/')) found.push({ key, etag, bytes, id: key.slice(prefix.length) });
    if (found.length > OBJECTS_MAX) throw invalid(options, `more than ${OBJECTS_MAX} objects; is the prefix right?`);
    const next: string | undefined = page.IsTruncated ? page.NextContinuationToken : undefined;
    // A server that passes over the token begins again, and may make up a new one each time.
    const marks = [next && `token ${next}`, page.Contents?.[0] && `key ${page.Contents[0].Key}`];
    for (const mark of marks) {
      if (mark && seen.has(mark)) throw invalid(options, 'its list runs in a circle');
      if (mark) seen.add(mark);
    }
    token = next;
  } while (token !== undefined);
  return found.sort((a, b) => naturally(a.id, b.id));
}

async function* itemsOf(reading: Reading, found: readonly Stored[]): AsyncGenerator<SourceItem> {
  const names = new Set(found.map(({ id }) => id));
  const pictures: Stored[] = [];
  const passedOver = new Map<string, number>();
  const count = (kind: string) => void passedOver.set(kind, (passedOver.get(kind) ?? 0) + 1);
  for (const object of found) {
    const judged = judgedByName(object.id);
    if (!object.id.includes('/')) count('file outside of a folder');
    else if (isSidecar(object.id, names)) continue;
    else if (judged === 'picture' || judged === 'unknown') pictures.push(object);
    else count(judged);
  }
  const total = pictures.length;
  const sidecars = new Map(found.filter(({ id }) => isSidecar(id, names)).map((object) => [object.id, object]));
  yield { passedOver: Object.fromEntries(passedOver) };
  for await (const item of mapInOrder(pictures, OBJECTS_AT_ONCE, (it) =>
    itemOf(reading, it, sidecars.get(`${it.id}.json`)),
  )) {
    reading.signal.throwIfAborted();
    yield 'passedOver' in item ? item : { ...item, total };
  }
}

async function itemOf(
  reading: Reading,
  object: Stored,
  sidecar: Stored | undefined,
): Promise<SourceSample | SourceFault | PassedOver> {
  const { id } = object;
  const label = id.slice(0, id.indexOf('/'));
  const fault = (reason: SourceFault['fault'], why: string): SourceFault => ({
    id,
    label,
    fault: reason,
    message: `${id}: ${why}`,
  });
  const { bytesMax } = reading.options.photographs ?? PHOTOGRAPHS_DEFAULT;
  if (object.bytes > bytesMax) return fault('too-large', `${object.bytes} bytes; at most ${bytesMax} are read`);
  try {
    const bytes = await fetched(reading, object, label);
    if (judgedByName(id) === 'unknown' && !isPicture(bytes)) return { passedOver: { 'other file': 1 } };
    if (sidecar === undefined) return { id, label, bytes };
    const tags = sidecar.bytes > SIDECAR_BYTES_MAX ? null : tagsIn(await fetched(reading, sidecar, label));
    if (tags !== null) return { id, label, bytes, tags };
    return fault(
      'invalid-tags',
      `${sidecar.id} does not hold the tags of its image, such as {"tags": ["light: left"]}`,
    );
  } catch (error) {
    if (error instanceof Gone) return fault('unavailable', error.message);
    throw error;
  }
}

/** One object that cannot be had. */
class Gone extends Error {}

async function fetched(
  { options, sdk, client, cache, signal }: Reading,
  object: Stored,
  label: string,
): Promise<Buffer> {
  const { key, etag } = object;
  const kept = await cache?.find(key);
  if (kept && kept.version === etag && etag !== '') return kept.body;
  signal.throwIfAborted();
  const input = { Bucket: options.bucket, Key: key, ...(etag !== '' && { IfMatch: etag }) };
  // The client's own limit ends with the head of the answer.
  const limited = linkAbort(signal);
  const late = new Error(`silent for ${options.timeoutMs} ms within its answer`);
  const timer = setTimeout(() => limited.abort(late), options.timeoutMs);
  try {
    const { Body } = await client.send(new sdk.GetObjectCommand(input), { abortSignal: limited.signal });
    // In Node it is one.
    const body = await bodyOf(Body as Readable | undefined, object.bytes, limited.signal, () => timer.refresh());
    if (etag !== '') await cache?.keep(key, { version: etag, body }, [label]);
    return body;
  } catch (error) {
    const status = statusOf(error);
    if (status === 412) throw new SourceChanged(`${whoOf(options)}: ${key} was written anew while the bucket was read`);
    if (status === 404) throw new Gone('it is gone');
    if (status === 403) throw new Gone('no permission to read it');
    if (error instanceof Gone) throw error;
    throw failureOf(error, options, key, signal, limited.signal.aborted ? late.message : undefined);
  } finally {
    clearTimeout(timer);
    limited.unlink();
  }
}

/** Throws Gone if it is larger than the list says: nobody has looked whether so much may be held. */
async function bodyOf(
  body: Readable | undefined,
  bytesMax: number,
  signal: AbortSignal,
  heard: () => void,
): Promise<Buffer> {
  if (!body) return Buffer.alloc(0);
  const chunks: Buffer[] = [];
  let bytes = 0;
  const end = () => body.destroy(signal.reason as Error);
  signal.addEventListener('abort', end, { once: true });
  try {
    // A stream that is left early is destroyed.
    for await (const chunk of body) {
      heard();
      bytes += (chunk as Buffer).length;
      if (bytes > bytesMax) throw new Gone(`more than the ${bytesMax} bytes that the list of its bucket says`);
      chunks.push(chunk as Buffer);
    }
  } finally {
    signal.removeEventListener('abort', end);
  }
  return Buffer.concat(chunks);
}

/** Of an answer of the service; undefined if none came. */
const statusOf = (error: unknown) =>
  (error as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata?.httpStatusCode;

/** The client's own words may quote an address or a header; its name for the error says enough. `late`: why it was ended here. */
function failureOf(cause: unknown, options: S3SourceConfig, what: string, signal: AbortSignal, late?: string): unknown {
  if (signal.aborted) return signal.reason;
  const status = statusOf(cause);
  const { name, code } = cause as NodeJS.ErrnoException;
  const why = late ?? (status === undefined ? (code ?? name) : `answered ${status} (${name})`);
  const said = `${whoOf(options)}, ${what}: ${why}`;
  const isMistake = status !== undefined && status >= 400 && status < 500 && status !== 429;
  if (isMistake) return new PipelineError('SOURCE_INVALID', `${said}; check bucket, region and login`, { cause });
  return new PipelineError('SOURCE_UNREACHABLE', `${said}; check that it runs at that address`, {
    retryable: true,
    cause,
  });
}

const whoOf = ({ name, bucket, endpoint }: S3SourceConfig) =>
  `source "${name}", bucket ${bucket}${endpoint === undefined ? '' : ` at ${new URL(endpoint).origin}`}`;
const invalid = (options: S3SourceConfig, why: string) =>
  new PipelineError('SOURCE_INVALID', `${whoOf(options)}: ${why}`);
