/**
 * Rights as questions to JetStream: what reading, following and storing of streams, buckets and objects publishes. Logical
 * names; the table of who has which is permissions.ts.
 */
import { BUCKETS } from '../../contracts/subjects.ts';
import { chunkSubject, kvStreamName, kvSubject, objectMetaSubject, objectStreamName } from '../topology/streams.ts';

export const JS_API = '$JS.API';
/** Whether JetStream is there. */
export const jetStream = `${JS_API}.INFO`;
export const streamInfo = (stream: string) => `${JS_API}.STREAM.INFO.${stream}`;
/** A stored message, by its place or as the last on a subject. */
export const get = (stream: string) => `${JS_API}.STREAM.MSG.GET.${stream}`;
export const deleteFrom = (stream: string) => `${JS_API}.STREAM.MSG.DELETE.${stream}`;
export const purge = (stream: string) => `${JS_API}.STREAM.PURGE.${stream}`;
export const consumerInfo = (stream: string, consumer: string) => `${JS_API}.CONSUMER.INFO.${stream}.${consumer}`;

/** On which a consumer is asked for messages. */
export const nextMessageSubject = (stream: string, consumer: string) =>
  `${JS_API}.CONSUMER.MSG.NEXT.${stream}.${consumer}`;

/** The messages of a durable consumer, and what becomes of them. */
export const consume = (stream: string, consumer: string) => [
  consumerInfo(stream, consumer),
  nextMessageSubject(stream, consumer),
  `$JS.ACK.${stream}.${consumer}.>`,
];

/** A reader of one's own, over the messages of these subjects. */
export const follow = (stream: string, subjects: string) => [
  `${JS_API}.CONSUMER.CREATE.${stream}.*.${subjects}`,
  `${JS_API}.CONSUMER.INFO.${stream}.*`,
  `${JS_API}.CONSUMER.DELETE.${stream}.*`,
];

/** Records of a bucket. */
export const readRecords = (bucket: string) => [get(kvStreamName(bucket))];
/** As well as their history, their keys, and changes as they happen. */
export const followRecords = (bucket: string) => [
  ...readRecords(bucket),
  ...follow(kvStreamName(bucket), kvSubject(bucket, '>')),
  `$JS.FC.${kvStreamName(bucket)}.>`,
];

/** Whether an object is there, and its digest. */
export const findObjects = (bucket: string) => [get(objectStreamName(bucket))];
export const readObjects = (bucket: string) => [
  ...findObjects(bucket),
  `${JS_API}.DIRECT.GET.${objectStreamName(bucket)}`,
  // An object of which a person was taken out is found under another digest.
  ...readRecords(BUCKETS.forgotten),
];
/** As other clients fetch an object, `nats object get` among them: by a reader of its chunks. */
export const fetchObjects = (bucket: string) => [
  `${JS_API}.DIRECT.GET.${objectStreamName(bucket)}.${objectMetaSubject(bucket, '*')}`,
  ...follow(objectStreamName(bucket), chunkSubject(bucket, '*')),
  `$JS.FC.${objectStreamName(bucket)}.>`,
];
export const storeObjects = (bucket: string) => [
  ...findObjects(bucket),
  chunkSubject(bucket, '>'),
  objectMetaSubject(bucket, '>'),
  // An object that is replaced or removed takes its chunks with it.
  purge(objectStreamName(bucket)),
];
export const readAndStoreObjects = (bucket: string) => [...new Set([...readObjects(bucket), ...storeObjects(bucket)])];
