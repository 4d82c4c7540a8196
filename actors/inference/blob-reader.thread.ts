/**
 * The thread that reads objects for replicas, over a connection of its own and at the lowest priority: receiving,
 * checking and copying a model takes 4 ms per MB, which the thread that serves would take from its requests. Started by
 * blob-reader.ts.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import { toFailure } from '../../contracts/errors.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { createLogger } from '../../runtime/logger.ts';
import { lowerThreadPriority } from '../../runtime/threads.ts';
import { checkForwards } from '../../services/signing/forgetting.ts';
import { openSigning } from '../../services/signing/signing.ts';
import type { BlobReaderData, FromBlobReader, ToBlobReader } from './blob-reader.messages.ts';

if (!parentPort) throw new Error('blob-reader.thread.ts runs as a worker thread only');
const port = parentPort;
const LOWEST = 19;
lowerThreadPriority(LOWEST);

// Received bytes are garbage once they are handed over, but too few objects for the collector to come by itself before
// there are some 40 MB of them. The heap itself is of 10 MB, and nobody waits while it is collected.
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void; // That is what the flag adds.
let underWay = 0;

// The parent, blob-reader.ts, passes exactly this.
const { url, login, source, trustFile } = workerData.data as BlobReaderData;
const log = createLogger({ level: 'warn' });
const store = connectNats({ url, login, name: `${source}-reader`, role: 'inference', log }).then((nc) =>
  createBlobStore(nc, source, checkForwards(openSigning({ trustFile }))),
);
// A failed connection is reported to each caller.
store.catch(() => {});

port.on('message', (message: ToBlobReader) => {
  // It answers its errors.
  if (message.type === 'get') void get(message);
  // The thread holds nothing that another would miss, and may be waiting for a server.
  else process.exit();
});

async function get({ id, ref }: Extract<ToBlobReader, { type: 'get' }>): Promise<void> {
  const say = (message: FromBlobReader, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  underWay += 1;
  try {
    const bytes = ownBytes(await (await store).get(ref));
    say({ type: 'got', id, bytes }, [bytes.buffer]);
  } catch (error) {
    say({ type: 'failed', id, failure: toFailure(error) });
  }
  underWay -= 1;
  // In the next turn, when the variables of this one hold no chunks any more.
  if (underWay === 0) setImmediate(collectGarbage);
}

/** A buffer is handed over as a whole, so it must be nobody else's. */
function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength;
  return isWhole ? new Uint8Array(buffer) : new Uint8Array(bytes);
}
