/**
 * Two sets of names. LOGICAL ones are those of contracts/subjects.ts and the tables beside this file: `nightshift.evt.>`,
 * `EVENTS`, `train-start`. WIRE ones are what nats-server sees: a namespace is the first token of each subject and the prefix
 * of each stream, bucket, consumer, queue and inbox, so that two namespaces on one server share nothing. Pure; the border at
 * which names are translated is infra/messaging/wire.ts and jetstream.ts, and server-users.ts for rights.
 */

export const NAMESPACE_DEFAULT = 'nightshift';
/** No underscore: it ends the namespace in a wire name. */
export const NAMESPACE = /^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$/;
export const NAMESPACE_WORDS =
  'up to 32 lower-case letters, digits and dashes, a letter first and no dash at the end, such as "staging"';

/** The first token of logical subjects, and the logical name of the orchestrator's NATS micro service. */
const ROOT = 'nightshift';
const OF_ROOT = `${ROOT}.`;
const WILDCARDS: readonly string[] = ['*', '>'];
const PREFIXED = /^[a-z][a-z0-9-]*_/;

export const wireStream = (namespace: string, stream: string): string => {
  const [, kind = '', name] = /^(KV_|OBJ_)?(.*)$/.exec(stream) as unknown as [string, string | undefined, string];
  return `${kind}${namespace}_${name}`;
};
/** Unchanged if it is of no namespace. */
export const localStream = (stream: string): string => {
  const [, kind = '', name] = /^(KV_|OBJ_)?(.*)$/.exec(stream) as unknown as [string, string | undefined, string];
  return `${kind}${name.replace(PREFIXED, '')}`;
};
/** Buckets, durable consumers and queues. */
export const wireName = (namespace: string, name: string): string => `${namespace}_${name}`;
export const localName = (name: string): string => name.replace(PREFIXED, '');

/** The orchestrator answers under the namespace itself, every other actor under `<namespace>_<actor>`. */
export const wireService = (namespace: string, service: string): string =>
  service === ROOT ? namespace : wireName(namespace, service);

/** `nightshift.evt.>` -> `staging.evt.>`; a subject that is none of ours stays as it is. */
export const wireSubject = (namespace: string, subject: string): string => translated(subject, toWire(namespace));
/** The way back. A subject of another namespace stays as it is, and so parse-subject.ts knows none. */
export const localSubject = (namespace: string, subject: string): string => translated(subject, toLocal(namespace));
export const wireInbox = (namespace: string, prefix: string): string => toWire(namespace).inbox(prefix);

/** What becomes of each kind of token. */
interface Renaming {
  root(token: string): string;
  stream(token: string): string;
  /** Also of a bucket. */
  consumer(token: string): string;
  inbox(token: string): string;
  /** Of NATS micro. */
  service(token: string): string;
}

const toWire = (namespace: string): Renaming => ({
  root: (token) => (token === ROOT ? namespace : token),
  stream: (token) => wireStream(namespace, token),
  consumer: (token) => wireName(namespace, token),
  inbox: (token) => token.replace(/^_INBOX_/, `_INBOX_${namespace}_`),
  service: (token) => wireService(namespace, token),
});

const toLocal = (namespace: string): Renaming => ({
  root: (token) => (token === namespace ? ROOT : token),
  stream: (token) => (wireStream(namespace, localStream(token)) === token ? localStream(token) : token),
  consumer: (token) => (token.startsWith(`${namespace}_`) ? localName(token) : token),
  inbox: (token) => token.replace(`_INBOX_${namespace}_`, '_INBOX_'),
  service: (token) => (token === namespace ? ROOT : token.startsWith(`${namespace}_`) ? localName(token) : token),
});

/** Questions and answers of JetStream that name a stream, and perhaps a consumer, in the tokens behind this. */
const OF_STREAM =
  /^\$JS\.(?:API\.STREAM\.(?:INFO|CREATE|UPDATE|DELETE|PURGE|RESTORE|SNAPSHOT|MSG\.GET|MSG\.DELETE)|API\.DIRECT\.GET|FC)\./;
const OF_CONSUMER =
  /^\$JS\.(?:API\.CONSUMER\.(?:INFO|CREATE|DELETE|MSG\.NEXT|DURABLE\.CREATE)|ACK|EVENT\.ADVISORY\.CONSUMER\.[A-Z_]+)\./;

function translated(subject: string, rename: Renaming): string {
  // Nearly all are of this kind, and in the default namespace they stay as they are.
  if (subject.startsWith(OF_ROOT) && rename.root(ROOT) === ROOT) return subject;
  const [first = '', second, third, ...rest] = subject.split('.');
  if (first === '$KV' || first === '$O')
    return [first, ...changed(rename.consumer, second), ...some(third), ...rest].join('.');
  if (first === '$SRV') return [first, ...some(second), ...changed(rename.service, third), ...rest].join('.');
  if (first === '$JS') return translatedApi(subject, rename);
  if (first.startsWith('_INBOX_')) return [rename.inbox(first), ...some(second), ...some(third), ...rest].join('.');
  return second === undefined ? subject : [rename.root(first), second, ...some(third), ...rest].join('.');
}

function translatedApi(subject: string, rename: Renaming): string {
  const [head] = OF_CONSUMER.exec(subject) ?? OF_STREAM.exec(subject) ?? [''];
  if (head === '') return subject;
  const [stream, ...behind] = subject.slice(head.length).split('.');
  const consumer = OF_CONSUMER.test(subject) ? behind.shift() : undefined;
  // A reader of one's own is made on a subject that ends in those that it reads.
  const filter = behind.length === 0 ? [] : [translated(behind.join('.'), rename)];
  return `${head}${[...changed(rename.stream, stream), ...changed(rename.consumer, consumer), ...filter].join('.')}`;
}

const some = (token: string | undefined) => (token === undefined ? [] : [token]);
const changed = (rename: (token: string) => string, token: string | undefined) =>
  token === undefined || WILDCARDS.includes(token) ? some(token) : [rename(token)];
