/**
 * Every place that keeps something, and how a person is taken out of it. A stream or bucket that is new belongs in here:
 * the types and a test demand it.
 */
import { BUCKETS, STREAMS } from '../../contracts/subjects.ts';

export type Treatment =
  /** Objects of the data: samples and lists of people. */
  | 'snapshots'
  /** Objects beside the models: galleries, golden samples, weights, cards. */
  | 'models'
  /** Objects with names and pictures for people. */
  | 'reports'
  /** Images and names of people enrolled while serving. */
  | 'enrolments'
  /** Images and names of people whose enrolment or removal waits for a second person. */
  | 'pending'
  /** Facts: a message that names the person is erased. */
  | 'log'
  /** Work that waits; what is done has gone. Looked through, and nothing is taken from it. */
  | 'queue'
  /** Records of runs: revisions that name the person are erased, the last one is written anew. */
  | 'runs'
  /** Other records, which name people in an operator's words at most. Looked through. */
  | 'records'
  /** It knows no names. */
  | 'nameless';

type Name<T> = T[keyof T];

export const PLACES: Readonly<Record<Name<typeof STREAMS> | Name<typeof BUCKETS>, Treatment>> = {
  [STREAMS.ctl]: 'queue',
  [STREAMS.commands]: 'queue',
  [STREAMS.events]: 'log',
  [STREAMS.timers]: 'queue',
  [STREAMS.dlq]: 'log',
  [STREAMS.advisories]: 'log',
  [STREAMS.enrolments]: 'enrolments',
  [STREAMS.pending]: 'pending',
  [STREAMS.refused]: 'log',
  // Digests stand for people in it, because nobody can take a line out.
  [STREAMS.audit]: 'nameless',
  [BUCKETS.runs]: 'runs',
  [BUCKETS.deployments]: 'records',
  [BUCKETS.replicas]: 'records',
  [BUCKETS.schedules]: 'records',
  [BUCKETS.config]: 'records',
  [BUCKETS.datasets]: 'snapshots',
  [BUCKETS.models]: 'models',
  [BUCKETS.reports]: 'reports',
  [BUCKETS.forgotten]: 'nameless',
};
