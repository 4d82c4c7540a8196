/**
 * One at a time on this machine: replicas that share its processors prepare their models one after the other, so that
 * most of the machine goes on serving. A turn is a socket under a name that the kernel keeps (Linux, abstract), which
 * it gives free with its owner, however that ends. It is a courtesy and no lock: a replica that has waited long enough
 * goes on beside the others, and without such names (or in another network namespace, as in another container) nobody
 * waits.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A neighbour that is stuck holds nobody up for longer; three loads of an ordinary model take less. */
const WAIT_MS_MAX = 2_000;

const PREPARING = 'prepare';

/** Returns the result of `work`. Of each `name` there is one turn at a time. */
export async function inTurn<T>(work: () => Promise<T>, name = PREPARING, waitMsMax = WAIT_MS_MAX): Promise<T> {
  const giveBack = await turnOf(name, performance.now() + waitMsMax);
  try {
    return await work();
  } finally {
    giveBack();
  }
}

/** Resolves with the function that gives the turn back. */
async function turnOf(name: string, untilMs: number): Promise<() => void> {
  for (;;) {
    const taken = await take(name);
    if (taken !== 'held') return taken;
    const leftMs = untilMs - performance.now();
    if (leftMs <= 0) return () => {};
    await end(name, leftMs);
  }
}

function take(name: string): Promise<'held' | (() => void)> {
  if (process.platform !== 'linux') return Promise.resolve(() => {});
  const waiting = new Set<Socket>();
  const server = createServer((socket) => {
    waiting.add(socket.unref());
    // A process that waits no longer, or was killed.
    socket.on('error', () => {}).on('close', () => waiting.delete(socket));
  });
  return new Promise((resolve) => {
    server.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'EADDRINUSE' ? 'held' : () => {}));
    server.listen(pathOf(name), () => resolve(() => close(server, waiting)));
  });
}

/** All that wait hear it at once. */
function close(server: Server, waiting: ReadonlySet<Socket>): void {
  server.close();
  for (const socket of waiting) socket.destroy();
}

/** Resolves when the turn was given back, or its owner ended, or the time is over. */
function end(name: string, waitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(pathOf(name));
    const timer = setTimeout(() => socket.destroy(), waitMs);
    // Refused: it ended a moment ago.
    socket
      .on('error', () => {})
      .on('close', () => {
        clearTimeout(timer);
        resolve();
      });
    socket.resume();
  });
}

const pathOf = (name: string) => `\0nightshift-turn-${process.getuid?.() ?? 0}-${name}`;
