/** Between the bench of collection and the processes of its two data services and of a large collection. */

export interface ServicesStart {
  readonly type: 'start';
  readonly samples: number;
  readonly pageSize: number;
  /** Before each answer. */
  readonly latencyMs: number;
}

export type ToServices = ServicesStart | { readonly type: 'count' };

export type FromServices =
  | { readonly type: 'started'; readonly urls: readonly [auth: string, helper: string] }
  /** Over all connections since the last count, in both directions. */
  | { readonly type: 'counted'; readonly bytes: number };

export interface CollectLarge {
  readonly urls: readonly string[];
  readonly pageSize: number;
}

export type FromLarge =
  { readonly type: 'progress'; readonly images: number } | { readonly type: 'collected'; readonly peakRssMb: number };
