/** Messages of the bench to the processes of its load and of its replica. */
import type { ImageSpec } from '../../contracts/dataset.ts';
import type { Gallery } from '../../services/serving/gallery/gallery.ts';
import type { OpenFigures } from './load.ts';
import type { BenchVerb, Face } from './targets.ts';

export interface ClientSetup {
  readonly url: string;
  readonly name: string;
  readonly model: Uint8Array;
  readonly image: ImageSpec;
  readonly gallery: Gallery;
  /** As a file and as pixels: an order names one. */
  readonly faces: { readonly file: Uint8Array; readonly pixels: Uint8Array };
  /** Of the bare pool: as many as the replica has hosts. */
  readonly threads: number;
}

export interface LoadOrder {
  /** The replica, bare onnxruntime, or another server at that address. */
  readonly target: 'replica' | 'bare' | { readonly url: string; readonly headers?: Readonly<Record<string, string>> };
  readonly verb: BenchVerb;
  readonly input: Face['input'];
  readonly seconds: number;
  /** Requests per second, due at random moments; or how many at a time. */
  readonly load: { readonly perSecond: number } | { readonly inFlight: number };
}

export type ToClient =
  { readonly type: 'setup'; readonly setup: ClientSetup } | ({ readonly type: 'load' } & LoadOrder);
export type FromClient =
  | { readonly type: 'ready' }
  | { readonly type: 'open'; readonly figures: OpenFigures }
  | { readonly type: 'closed'; readonly perSecond: number }
  | { readonly type: 'failed'; readonly message: string };

/** Where the replica sends spans, and of which share of its requests. */
export interface BenchTraces {
  readonly endpoint: string;
  readonly requestShare: number;
}

export type ToReplica =
  | { readonly type: 'start'; readonly url: string; readonly name: string; readonly traces?: BenchTraces | undefined }
  /** Loses the process that serves: killed, or stopped so that it never answers again. */
  | { readonly type: 'lose-host'; readonly signal: 'SIGKILL' | 'SIGSTOP' };
export type FromReplica = { readonly type: 'ready' };
