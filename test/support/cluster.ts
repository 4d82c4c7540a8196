/**
 * Three nats-servers that form a cluster with JetStream, each a process of its own that can be killed, ended as a lame duck,
 * wiped, cut off from the others, and started again. Their routes go through proxies, and through nothing else.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { findServerBinary } from '../../infra/server/server-binary.ts';
import { startTcpProxy } from './tcp-proxy.ts';

export interface Cluster {
  /** One address per server. */
  readonly urls: readonly string[];
  /** With SIGKILL; resolves when it is gone. */
  kill(server: number): Promise<void>;
  /** On the same ports and store. */
  start(server: number): void;
  /** It hands its leaderships over, sends its clients away one by one, and ends. Resolves when it is gone. */
  lameDuck(server: number): Promise<void>;
  /** Of a server that is gone: all that it stored. */
  wipe(server: number): void;
  /** Nothing passes between it and the others, or all again. */
  isolate(server: number, isCut: boolean): void;
  /** Folder in which it keeps everything. */
  storeOf(server: number): string;
  /** Whether all servers run and have caught up with each other, as they say of themselves. */
  isWell(): Promise<boolean>;
  /** Which server leads a stream of this name on the server; null if none says. */
  leaderOf(stream: string): Promise<number | null>;
}

const SERVERS = [0, 1, 2];
/** Servers tell each other of addresses beside those of their configuration; nobody listens there. */
const NO_WAY_AROUND = '127.0.0.1:1';
/** The server allows no less; with few clients it is over as soon as the last one is gone. */
const LAME_DUCK = 'lame_duck_duration: "30s"\nlame_duck_grace_period: "1s"';
const PING = 'ping_interval: "10s"\nping_max: 2';
const QUESTION_MS = 2_000;

export async function withCluster<T>(folder: string, use: (cluster: Cluster) => Promise<T>): Promise<T> {
  const { path } = await findServerBinary();
  const ports = await freePorts(3 * SERVERS.length);
  const [clients, routes, monitors] = SERVERS.map((it) => ports.slice(it * SERVERS.length, (it + 1) * SERVERS.length));
  const wires = await startWires(routes!);
  const processes = new Map<number, ChildProcess>();
  const storeOf = (server: number) => join(folder, `server-${server}`);
  const start = (server: number) => {
    const store = storeOf(server);
    mkdirSync(store, { recursive: true });
    const file = join(folder, `server-${server}.conf`);
    const others = wires.filter(({ from }) => from === server).map(({ proxy }) => proxy.url);
    const cluster = `name: test, listen: "127.0.0.1:${routes![server]}", advertise: "${NO_WAY_AROUND}"`;
    const lines = [
      `server_name: n${server}\nhost: "127.0.0.1"\nport: ${clients![server]}\nmax_payload: 8MB\n${PING}\n${LAME_DUCK}`,
      `http: "127.0.0.1:${monitors![server]}"`,
      `jetstream { store_dir: ${JSON.stringify(store)}, max_file_store: 4GB }\nlog_file: ${JSON.stringify(`${store}.log`)}`,
      `cluster { ${cluster}, routes: ${JSON.stringify(others)} }`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    processes.set(server, spawn(path, ['-c', file], { stdio: 'ignore' }));
  };
  const end = async (server: number, signal: NodeJS.Signals) => {
    const child = processes.get(server);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  };
  const kill = (server: number) => end(server, 'SIGKILL');
  const ask = async (server: number, question: string): Promise<unknown> => {
    const signal = AbortSignal.timeout(QUESTION_MS);
    // A server that is away answers nothing, and one that is not well another status.
    const answer = await fetch(`http://127.0.0.1:${monitors![server]}/${question}`, { signal }).catch(() => null);
    return answer?.ok ? answer.json() : null;
  };
  SERVERS.forEach(start);
  try {
    return await use({
      urls: clients!.map((port) => `nats://127.0.0.1:${port}`),
      ...{ kill, start, storeOf },
      lameDuck: (server) => end(server, 'SIGUSR2'),
      wipe: (server) => rmSync(storeOf(server), { recursive: true }),
      isolate: (server, isCut) =>
        wires
          .filter(({ from, to }) => from === server || to === server)
          .forEach(({ proxy }) => (isCut ? proxy.hold() : proxy.heal())),
      isWell: async () => (await Promise.all(SERVERS.map((it) => ask(it, 'healthz')))).every((it) => it !== null),
      leaderOf: async (stream) => {
        for (const server of SERVERS) {
          const leader = leaderIn(await ask(server, 'jsz?accounts=1&streams=1'), stream);
          if (leader !== null) return SERVERS.find((it) => `n${it}` === leader) ?? null;
        }
        return null;
      },
    });
  } finally {
    await Promise.all(SERVERS.map(kill));
    wires.forEach(({ proxy }) => proxy.close());
  }
}

/** One for each direction in which a server dials another. */
const startWires = (routes: readonly number[]) =>
  Promise.all(
    SERVERS.flatMap((from) => SERVERS.filter((to) => to !== from).map((to) => ({ from, to }))).map(async (wire) => ({
      ...wire,
      proxy: await startTcpProxy(`nats://127.0.0.1:${routes[wire.to]}`),
    })),
  );

/** What is looked at of the server's answer to `jsz`. */
interface Jsz {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly { readonly name: string; readonly cluster?: { readonly leader?: string } }[];
  }[];
}

function leaderIn(answer: unknown, stream: string): string | null {
  const { account_details = [] } = (answer ?? {}) as Jsz; // nats-server's own form.
  const streams = account_details.flatMap(({ stream_detail = [] }) => stream_detail);
  return streams.find(({ name }) => name === stream)?.cluster?.leader ?? null;
}

/** Held all at once, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((it) => once(it, 'listening')));
  const ports = servers.map((it) => (it.address() as AddressInfo).port); // A TCP server's address is never a path.
  await Promise.all(servers.map((it) => once(it.close(), 'close')));
  return ports;
}
