/**
 * The one table of streams and buckets, every option explicit (consumers.ts holds the consumers). Applied by
 * topology.ts; nothing else creates streams.
 */
import type { StreamConfig } from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import { ADVISORIES, ALL, BUCKETS, STREAMS } from '../../contracts/subjects.ts';
import { HEADER_BYTES_MAX, MESSAGE_BYTES_MAX } from '../messaging/publish.ts';

export interface TopologyOptions {
  /** Copies of every stream: 1 on a single server, 3 on a cluster. */
  readonly replicas: number;
}

type Options = Omit<StreamConfig, 'name' | 'first_seq' | 'sealed' | 'allow_msg_counter' | 'persist_mode'>;
export type StreamSpec = Partial<StreamConfig> & Pick<StreamConfig, 'name'>;

const MIB = 1024 * 1024;
const DAY_MS = 24 * 3600_000;
const HOUR_MS = 3600_000;

/**
 * Of a message with its headers. A larger one is refused by the server itself, so that a few of them cannot push out all
 * that was stored before.
 */
const STORED_BYTES_MAX = MESSAGE_BYTES_MAX + HEADER_BYTES_MAX;
/** A dead letter has the headers of its message, and those that say why it is one. */
const LETTER_BYTES_MAX = STORED_BYTES_MAX + HEADER_BYTES_MAX;
/** The payload that a nats-server takes by default, so that a record fits everywhere. The largest have some 100 KiB. */
const RECORD_BYTES_MAX = MIB;
/** Chunks of objects, and images of people who are enrolled. */
const LARGE_BYTES_MAX = 8 * MIB;
/** Longer than an orchestrator is normally away between a save and the publishing of its outbox. */
const DUPLICATE_WINDOW_MS = HOUR_MS;
/** Months of runs: facts are kept so that a night can be looked into. */
const EVENTS_AGE_MS = 30 * DAY_MS;
const DEAD_LETTERS_AGE_MS = 90 * DAY_MS;
/** A year; 32 MiB are some 60,000 lines. */
const AUDIT_AGE_MS = 366 * DAY_MS;
const AUDIT_BYTES_MAX = 16 * 1024;
/** An image of a face that nobody approves within a week is not kept. */
export const PENDING_AGE_MS = 7 * DAY_MS;
const PENDING_MAX = 200;
/** Long enough to ask the sender what was meant. */
const REFUSED_AGE_MS = 30 * DAY_MS;
/** They are for people to read, who look at the newest. */
const REFUSED_MAX = 2_000;
/** The beginning of the command, its subject and the reason: see actors/orchestrator/refusals.ts. */
const REFUSAL_BYTES_MAX = 16 * 1024;
/** A year of finished runs stays in the list. */
const RUNS_AGE_MS = 400 * DAY_MS;
/** The most that a KV bucket can keep per key: the time line of a run. */
const HISTORY_MAX = 64;
/**
 * The record holds its own ledger of some 40 KB; a few revisions are for looking into a trouble. Room for 100 models.
 */
const DEPLOYMENTS_HISTORY = 8;
/** How long the note of an expired heartbeat stays, so that watchers hear of it. */
const EXPIRY_MARKER_MS = 60_000;

export function streamsOf({ replicas }: TopologyOptions): readonly StreamSpec[] {
  const common = {
    storage: 'file',
    num_replicas: replicas,
    max_consumers: -1,
    max_msgs: -1,
    max_msgs_per_subject: -1,
    max_age: 0,
    max_msg_size: STORED_BYTES_MAX,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    compression: 'none',
    allow_direct: true,
    mirror_direct: false,
    allow_rollup_hdrs: false,
    deny_delete: false,
    deny_purge: false,
  } satisfies Partial<Options>;
  /** A full work queue refuses new work aloud rather than dropping old work silently. */
  const queue = { ...common, retention: 'workqueue', discard: 'new' } as const;
  const log = { ...common, retention: 'limits', discard: 'old' } as const;
  return [
    { ...queue, name: STREAMS.ctl, subjects: [ALL.ctl], max_bytes: 32 * MIB, description: 'operator commands' },
    { ...queue, name: STREAMS.commands, subjects: [ALL.commands], max_bytes: 64 * MIB, description: 'saga to workers' },
    {
      ...log,
      name: STREAMS.events,
      subjects: [ALL.events],
      max_bytes: 512 * MIB,
      max_age: nanos(EVENTS_AGE_MS),
      description: 'facts of workers, replicas and runs',
    },
    {
      ...log,
      name: STREAMS.timers,
      subjects: [ALL.timers],
      max_bytes: 64 * MIB,
      // A timer that waits must never be dropped to make room, nor grow old: a fired one carries its own TTL.
      discard: 'new',
      allow_msg_schedules: true,
      allow_msg_ttl: true,
      // The server demands rollup headers for schedules, which replace one another on their subject.
      allow_rollup_hdrs: true,
      description: 'durable timers: waiting and fired',
    },
    {
      ...log,
      name: STREAMS.dlq,
      subjects: [ALL.dlq],
      max_bytes: 128 * MIB,
      max_age: nanos(DEAD_LETTERS_AGE_MS),
      max_msg_size: LETTER_BYTES_MAX,
      duplicate_window: nanos(DAY_MS),
      description: 'messages that nobody could handle',
    },
    {
      ...log,
      name: STREAMS.refused,
      subjects: [ALL.refused],
      max_bytes: 8 * MIB,
      max_age: nanos(REFUSED_AGE_MS),
      max_msgs: REFUSED_MAX,
      max_msg_size: REFUSAL_BYTES_MAX,
      description: 'operator commands that were not obeyed',
    },
    {
      ...log,
      name: STREAMS.audit,
      subjects: [ALL.audit],
      max_bytes: 32 * MIB,
      max_age: nanos(AUDIT_AGE_MS),
      max_msg_size: AUDIT_BYTES_MAX,
      duplicate_window: nanos(DAY_MS),
      // Nobody edits the past, whatever rights he has. A full stream drops its oldest lines.
      deny_delete: true,
      deny_purge: true,
      description: 'who commanded what, and who enrolled whom',
    },
    {
      ...log,
      name: STREAMS.pending,
      subjects: [ALL.pending],
      // A full list refuses new requests rather than losing those that wait.
      discard: 'new',
      max_bytes: 32 * MIB,
      max_msgs: PENDING_MAX,
      max_age: nanos(PENDING_AGE_MS),
      max_msg_size: LARGE_BYTES_MAX,
      description: 'changes of galleries that wait for a second person, with their images',
    },
    {
      ...log,
      name: STREAMS.advisories,
      subjects: [...ADVISORIES],
      max_bytes: 16 * MIB,
      max_age: nanos(EVENTS_AGE_MS),
      description: 'messages that the server gave up',
    },
    {
      ...common,
      name: STREAMS.enrolments,
      subjects: [ALL.enrolments],
      retention: 'limits',
      // A person who was enrolled must never be dropped to make room. As with objects, the disk is the bound.
      discard: 'new',
      max_bytes: -1,
      max_msg_size: LARGE_BYTES_MAX,
      description: 'people enrolled and removed while serving, with their images',
    },
    kvStream(common, BUCKETS.runs, { history: HISTORY_MAX, bytes: 512 * MIB, ageMs: RUNS_AGE_MS }),
    kvStream(common, BUCKETS.schedules, { history: HISTORY_MAX, bytes: 64 * MIB }),
    // A pipeline is some 4 KB. Revisions of 100 models, 64 each.
    kvStream(common, BUCKETS.config, { history: HISTORY_MAX, bytes: 64 * MIB }),
    kvStream(common, BUCKETS.deployments, { history: DEPLOYMENTS_HISTORY, bytes: 32 * MIB }),
    // One value per key: a TTL on a key with history would uncover the value before it.
    kvStream(common, BUCKETS.replicas, { history: 1, bytes: 16 * MIB, markerMs: EXPIRY_MARKER_MS }),
    // Hashes and references, a hundred bytes each.
    kvStream(common, BUCKETS.forgotten, { history: 1, bytes: 64 * MIB }),
    objectStream(common, BUCKETS.datasets),
    objectStream(common, BUCKETS.models),
    objectStream(common, BUCKETS.reports),
  ];
}

interface KvLimits {
  readonly history: number;
  readonly bytes: number;
  readonly ageMs?: number;
  /** Given: keys may have a time to live, and leave a note of this age when they expire. */
  readonly markerMs?: number;
}

export const kvStreamName = (bucket: string) => `KV_${bucket}`;
/** On which a key is written. */
export const kvSubject = (bucket: string, key: string) => `$KV.${bucket}.${key}`;

/** The stream behind a KV bucket, as @nats-io/kv lays it out. Full means refused, never the oldest key dropped. */
function kvStream(common: Partial<Options>, bucket: string, limits: KvLimits): StreamSpec {
  const ttl =
    limits.markerMs === undefined ? {} : { allow_msg_ttl: true, subject_delete_marker_ttl: nanos(limits.markerMs) };
  return {
    ...common,
    name: kvStreamName(bucket),
    subjects: [kvSubject(bucket, '>')],
    retention: 'limits',
    discard: 'new',
    max_msgs_per_subject: limits.history,
    max_bytes: limits.bytes,
    max_msg_size: RECORD_BYTES_MAX,
    max_age: nanos(limits.ageMs ?? 0),
    allow_rollup_hdrs: true,
    // The janitor takes single revisions out that name a person who is forgotten.
    deny_delete: false,
    ...ttl,
  };
}

export const objectStreamName = (bucket: string) => `OBJ_${bucket}`;
/** Of the chunks of one object, by the id that each version of it has. */
export const chunkSubject = (bucket: string, objectId: string) => `$O.${bucket}.C.${objectId}`;

/** Of what is known of an object, by its name. */
export const objectMetaSubject = (bucket: string, name: string) => `$O.${bucket}.M.${name}`;
export const metaSubject = (bucket: string, key: string) =>
  objectMetaSubject(bucket, paddedBase64Url(Buffer.from(key)));
/** As the client of the object store writes names and digests: Node's own `base64url` has no padding. */
export const paddedBase64Url = (bytes: Buffer) => bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_');
export const metaSubjects = (bucket: string) => objectMetaSubject(bucket, '>');

/** The stream behind an object bucket: its size is bounded by the disk and by pruning, not by a number here. */
function objectStream(common: Partial<Options>, bucket: string): StreamSpec {
  return {
    ...common,
    name: objectStreamName(bucket),
    subjects: [chunkSubject(bucket, '>'), objectMetaSubject(bucket, '>')],
    retention: 'limits',
    discard: 'new',
    max_bytes: -1,
    max_msg_size: LARGE_BYTES_MAX,
    allow_rollup_hdrs: true,
  };
}
