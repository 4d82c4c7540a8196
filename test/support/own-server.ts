/**
 * A nats-server as an administrator would run it, with a configuration file of his own: somebody else's server, to which
 * Nightshift only connects. Ended after use; its last lines are shown if it does not come up.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findServerBinary } from '../../infra/server/server-binary.ts';

export interface OwnServer {
  /** `127.0.0.1:<port>`; a scheme is the caller's to put before it. */
  readonly address: string;
  readonly port: number;
  readonly pid: number;
  /** Of leaf nodes; 0 if the configuration has none. */
  readonly leafPort: number;
}

let servers = 0;

/** `settings`: lines of a configuration file. JetStream, if it is in them, must name a store folder. */
export async function withOwnServer<T>(
  folder: string,
  settings: string,
  use: (server: OwnServer) => Promise<T>,
  port = -1,
): Promise<T> {
  const { path } = await findServerBinary();
  const file = join(folder, `server-${++servers}.conf`);
  writeFileSync(file, `host: "127.0.0.1"\nport: ${port}\nmax_payload: 8MB\n${settings}\n`);
  const child = spawn(path, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stderr })) {
      lines.push(line);
      if (line.includes('Server is ready')) break;
    }
    const portOf = (kind: string) =>
      new RegExp(`Listening for ${kind} connections on [\\d.]+:(\\d+)`).exec(lines.join('\n'))?.[1];
    const found = portOf('client');
    if (found === undefined) throw new Error(`nats-server did not start:\n${lines.slice(-5).join('\n')}`);
    child.stderr.resume();
    return await use({
      address: `127.0.0.1:${found}`,
      port: Number(found),
      pid: child.pid!,
      leafPort: Number(portOf('leafnode') ?? 0),
    });
  } finally {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}

/** With room for all streams, in a folder of its own. */
export const jetStreamIn = (folder: string, name = 'jetstream', domain = '') =>
  `jetstream { store_dir: ${JSON.stringify(join(folder, name))}${domain && `, domain: ${domain}`} }`;
