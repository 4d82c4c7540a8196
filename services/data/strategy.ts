/**
 * A data source yields labelled images, in the same order each time, page by page, so that memory stays bounded.
 * Variants: http-source.ts, directory-source.ts. All pass test/services/data/data-source.conformance.ts.
 */
import type { DatasetManifest, ImageSpec, Quarantined } from '../../contracts/dataset.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { SampleStreams } from '../../contracts/sample-streams.ts';
import type { SourceCache } from './source-cache.ts';

export interface SourceSample {
  /** Unique and stable within its source. */
  readonly id: string;
  /** The person's name or number. */
  readonly label: string;
  /** The image file as the source delivers it; not yet known to be readable. */
  readonly bytes: Buffer;
  /** Of the picture, such as `light: left`; see tags.ts. */
  readonly tags?: readonly string[] | undefined;
  /** How many samples the source expects to deliver in all, where it knows; for progress only. */
  readonly total?: number | undefined;
}

/** An item that the source lists and cannot deliver. It is quarantined, and the others go on. */
export interface SourceFault {
  readonly id: string;
  /** Empty if nobody knows whose it is. */
  readonly label: string;
  readonly fault: Extract<
    Quarantined['reason'],
    'unavailable' | 'incomplete' | 'invalid-tags' | 'too-large' | 'unreadable'
  >;
  /** Why, in words that name the item. */
  readonly message: string;
  readonly total?: number | undefined;
}

/** What a source holds besides samples, such as `{".txt file": 160}`. */
export interface PassedOver {
  readonly passedOver: Readonly<Record<string, number>>;
}

export type SourceItem = SourceSample | SourceFault | PassedOver;

/** The data changed while they were read: another reading may find them still. */
export class SourceChanged extends PipelineError {
  constructor(message: string) {
    super('SOURCE_INVALID', message);
  }
}

/** The means that the collector lends to a source. */
export interface SourceContext {
  /** Answers of the reading before; absent: nothing is kept. */
  readonly cache?: SourceCache | undefined;
  /** Streams of samples on the nats-server. */
  readonly streams?: SampleStreams | undefined;
  /** Says what the source waits for; null when it goes on. */
  readonly waits?: (why: string | null) => void;
  /** Milliseconds that the stage has left; absent: nobody counts. */
  readonly leftMs?: () => number;
}

export interface DataSource {
  readonly name: string;
  readonly type: string;
  /** Absent: required. */
  readonly policy?: 'required' | 'best-effort' | undefined;
  /** Throws SOURCE_UNREACHABLE or SOURCE_INVALID, or the signal's reason promptly after its abort. */
  samples(signal: AbortSignal): AsyncIterable<SourceItem>;
}

/** Which images of which people a set holds; where their pixels are is another matter. */
export interface ImageSet {
  readonly spec: ImageSpec;
  /** Class number of each image: an index into `labels`. */
  readonly classes: Int32Array;
  /** The people who may have images in the set, also those who have none in this split. */
  readonly labels: readonly string[];
  readonly count: number;
}

/** A set on disk, whatever its size: see spool.ts. Can be sent to threads, which then share it. */
export interface SpooledImages extends ImageSet {
  /** Of each image its PNG and then its SampleRecord as JSON, one after the other. */
  readonly spoolPath: string;
  /** [2 * count + 1]: where in the spool each PNG and each record begins, and the end. Shared memory. */
  readonly positions: Float64Array;
  /** The pixels of image i from byte i * channels * height * width on, once `decoded[i]` is 1. */
  readonly rawPath: string;
  /** [count]: 0 or 1. Shared memory. */
  readonly decoded: Uint8Array;
  /** So many images, the first ones, are kept decoded; the others are decoded each time. */
  readonly keptMax: number;
}

/** A set in memory, for verification and small trainings. */
export interface LabelledImages extends ImageSet {
  /** [count, channels, height, width], values 0..255. */
  readonly pixels: Uint8Array;
}

/** A set whose pixels are read when they are needed, wherever they are: see pixel-file.ts. Stays in its thread. */
export interface ReadableImages extends ImageSet {
  /** As of an ImageReader, for as long as the set is lent. */
  readonly read: (indices: Int32Array, target: Uint8Array) => Promise<void>;
}

/** Images to embed. */
export type EmbeddableImages = LabelledImages | ReadableImages;

/** A part of a snapshot, with what is known of each image: see load.ts. */
export type LoadedImages = EmbeddableImages & {
  /** `<source>/<id>` of each image. */
  readonly ids: readonly string[];
  /** Of each image, `source: <name>` first, then those of its sample. */
  readonly tags: readonly (readonly string[])[];
};

/** Images to train on. */
export type TrainingImages = LabelledImages | SpooledImages;

export type { DatasetManifest, Quarantined };
