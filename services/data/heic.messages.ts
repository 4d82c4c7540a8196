/** Between heic.ts and its thread. */

export interface HeicQuestion {
  readonly bytes: Uint8Array;
  readonly pixelsMax: number;
}

export type HeicAnswer =
  | { readonly rgba: Uint8ClampedArray; readonly width: number; readonly height: number }
  | { readonly failure: 'too-large' | 'unreadable'; readonly message: string };
