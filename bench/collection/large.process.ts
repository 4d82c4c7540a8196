/**
 * A large collection in a process that does nothing else and has the memory that a collector has by its setting. Tells how far
 * it is, and at the end the most memory that it held.
 */
import { collect, sourcesOf } from './collect.ts';
import type { CollectLarge, FromLarge } from './messages.ts';

const KIB = 1024;
/** Each image would be a message. */
const TOLD_EACH_MS = 200;

process.once('disconnect', () => process.exit(1));
process.once('message', ({ urls, pageSize }: CollectLarge) => {
  // A rejection ends this process.
  void work(urls, pageSize);
});

const say = (message: FromLarge) => void process.send?.(message);

async function work(urls: readonly string[], pageSize: number): Promise<void> {
  let images = 0;
  const telling = setInterval(() => say({ type: 'progress', images }), TOLD_EACH_MS);
  await collect(sourcesOf(urls, pageSize), (done) => (images = done));
  clearInterval(telling);
  say({ type: 'collected', peakRssMb: Math.round(process.resourceUsage().maxRSS / KIB) });
}
