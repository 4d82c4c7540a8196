/** A network that can be cut: a TCP proxy before a server. Connections through it break, and new ones are refused. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TcpProxy {
  /** The address that takes the place of the server. */
  readonly url: string;
  cut(): void;
  heal(): void;
}

export async function withTcpProxy<T>(target: string, use: (proxy: TcpProxy) => Promise<T>): Promise<T> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let isCut = false;
  const track = (socket: Socket) => {
    sockets.add(socket);
    // A broken connection is what this is for.
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    return socket;
  };
  const server = createServer((client) => {
    track(client);
    if (isCut) return void client.destroy();
    const upstream = track(connect(Number(port), hostname));
    client.pipe(upstream).pipe(client);
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A TCP server's address is never a path.
  const { port: own } = server.address() as AddressInfo;
  const breakAll = () => sockets.forEach((socket) => socket.destroy());
  try {
    return await use({
      url: `nats://127.0.0.1:${own}`,
      cut: () => {
        isCut = true;
        breakAll();
      },
      heal: () => {
        isCut = false;
      },
    });
  } finally {
    breakAll();
    server.close();
  }
}
