/** A bracket around a command's connection to the configured server; it is closed in any case. */
import { loadConfig, type Config } from '../infra/config/config.ts';
import { createLogger } from '../runtime/logger.ts';
import { connectClient, type Client } from './client.ts';
import type { GlobalOptions } from './global-options.ts';

export async function withClient<T>(global: GlobalOptions, use: (client: Client) => Promise<T>): Promise<T> {
  const config = loadConfig({ path: global.config, env: process.env });
  const client = await connectClient(serverUrl(global, config), createLogger({ level: 'warn' }));
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** The address of a running system: --server, else NATS_URL, else the port on which `start` puts its own server. */
export const serverUrl = ({ server }: GlobalOptions, config: Config) =>
  server ?? config.nats.url ?? `nats://127.0.0.1:${config.nats.port}`;
