/** Messages of the swap bench to the processes of its replicas and of its load. */
import type { Ledger } from './ledger.ts';

export interface ReplicaStart {
  readonly url: string;
  readonly name: string;
  readonly replicaId: string;
}

/** The right answers: of each model, by its digest, the embeddings of all faces, one row each. */
export type Answers = readonly { readonly modelDigest: string; readonly embeddings: Float32Array }[];

export interface LoadStart {
  readonly url: string;
  readonly name: string;
  /** Image files; requests take them in turn. */
  readonly faces: readonly Uint8Array[];
  readonly answers: Answers;
  readonly perSecond: number;
  /** The load ends by itself then. */
  readonly secondsMax: number;
}

export type ToLoad = { readonly type: 'start'; readonly start: LoadStart } | { readonly type: 'stop' };
export type FromLoad = { readonly type: 'started' } | { readonly type: 'ended'; readonly ledger: Ledger };
