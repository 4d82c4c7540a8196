/** The messages between a row search and its thread. Changes and searches take effect in the order of their sending. */
export interface SearchThreadData {
  /** ONNX bytes: row-search-graph.ts. */
  readonly graph: Uint8Array;
  readonly dimensions: number;
}

export type ToSearchThread =
  /** Replaces rows from `first` on, or adds them. */
  | { readonly type: 'set'; readonly first: number; readonly rows: Float32Array }
  | { readonly type: 'truncate'; readonly count: number }
  | { readonly type: 'search'; readonly id: number; readonly probe: Float32Array; readonly best: number }
  | { readonly type: 'close' };

export interface FromSearchThread {
  readonly type: 'found';
  readonly id: number;
  readonly rows: Int32Array;
}
