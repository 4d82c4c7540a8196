/** The messages between a replica and the thread that reads objects for it. */
import type { Failure } from '../../contracts/errors.ts';
import type { Login } from '../../infra/config/nats.ts';
import type { BlobRef } from '../../contracts/references.ts';

export interface BlobReaderData {
  /** As in infra/messaging/connection.ts. A login says where its secrets are; the thread reads them itself. */
  readonly url: string;
  readonly login?: Login | undefined;
  readonly source: string;
  /** By it a gallery is believed from which somebody was taken out. Absent: each is. */
  readonly trustFile?: string | undefined;
}

export type ToBlobReader =
  { readonly type: 'get'; readonly id: number; readonly ref: BlobRef } | { readonly type: 'close' };

export type FromBlobReader =
  | { readonly type: 'got'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly type: 'failed'; readonly id: number; readonly failure: Failure };
