/**
 * A network that can be cut: a TCP proxy before a server. Cut, connections through it break and new ones are refused; held,
 * they stay open and nothing comes through, as through a cable that is pulled.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TcpProxy {
  /** The address that takes the place of the server. */
  readonly url: string;
  cut(): void;
  hold(): void;
  /** Ends both; what was held comes through. */
  heal(): void;
}

export async function withTcpProxy<T>(target: string, use: (proxy: TcpProxy) => Promise<T>): Promise<T> {
  const proxy = await startTcpProxy(target);
  try {
    return await use(proxy);
  } finally {
    proxy.close();
  }
}

export async function startTcpProxy(target: string): Promise<TcpProxy & { close(): void }> {
  const { hostname, port } = new URL(target);
  const pairs = new Set<readonly [Socket, Socket]>();
  let state: 'open' | 'cut' | 'held' = 'open';
  const server = createServer((client) => {
    // A broken connection is what this is for.
    client.on('error', () => {});
    if (state === 'cut') return void client.destroy();
    const upstream = connect(Number(port), hostname).on('error', () => {});
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      pair.forEach((socket) => socket.destroy());
    };
    pair.forEach((socket) => socket.on('close', end));
    if (state === 'open') join(pair);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A TCP server's address is never a path.
  const { port: own } = server.address() as AddressInfo;
  const breakAll = () => pairs.forEach(([client]) => client.destroy());
  return {
    url: `nats://127.0.0.1:${own}`,
    cut: () => {
      state = 'cut';
      breakAll();
    },
    hold: () => {
      state = 'held';
      pairs.forEach(part);
    },
    heal: () => {
      if (state === 'held') pairs.forEach(join);
      state = 'open';
    },
    close: () => {
      breakAll();
      server.close();
    },
  };
}

const join = ([client, upstream]: readonly [Socket, Socket]) => void client.pipe(upstream).pipe(client);

/** A socket that is paused reads nothing, also not that the other side has ended. */
function part([client, upstream]: readonly [Socket, Socket]): void {
  client.unpipe(upstream).pause();
  upstream.unpipe(client).pause();
}
