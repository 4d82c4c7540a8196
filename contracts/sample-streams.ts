/**
 * Samples that somebody publishes into a stream of their own: each message is one image file, and its headers say whose.
 * Read by infra/stores/sample-streams.ts for services/data/jetstream-source.ts.
 */

export const SAMPLE_HEADERS = {
  /** Unique and stable: of several messages with one id the last counts. One without a body removes the sample. */
  id: 'Nightshift-Id',
  /** The person, in UTF-8. */
  label: 'Nightshift-Label',
  /** One for each tag. */
  tag: 'Nightshift-Tag',
} as const;

/** A message without its body. */
export interface SampleHead {
  readonly sequence: number;
  /** Empty if the header is not there. */
  readonly id: string;
  readonly label: string;
  readonly tags: readonly string[];
  /** Of the body. */
  readonly bytes: number;
}

export interface SampleStream {
  /** Tells it from another stream that had the name before. */
  readonly version: string;
  /** Of all messages that were in it when it was opened and still are, in their order. Throws the signal's reason. */
  heads(signal: AbortSignal): AsyncIterable<SampleHead>;
  /** Null if the message is gone. */
  body(sequence: number): Promise<Buffer | null>;
}

export interface SampleStreams {
  /** By the name that it has on the server; null if there is none. */
  open(stream: string): Promise<SampleStream | null>;
}
