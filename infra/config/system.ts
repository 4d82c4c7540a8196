/** The name of a system among the notes of processes on one machine (runtime/readiness.ts). */
import { resolve } from 'node:path';
import type { NatsConfig } from './nats.ts';

/** By which the notes of one system are told from those of another on the same machine. */
export const systemOf = ({ nats }: { readonly nats: Pick<NatsConfig, 'url' | 'storeDir'> }): string =>
  nats.url ?? resolve(nats.storeDir);
