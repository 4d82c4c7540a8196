/** A bracket around a command's connection to the configured server; it is closed in any case. */
import { loadConfig, type Config } from '../infra/config/config.ts';
import { createLogger } from '../runtime/logger.ts';
import { connectClient, type Client } from './client.ts';
import type { GlobalOptions } from './global-options.ts';

export async function withClient<T>(global: GlobalOptions, use: (client: Client) => Promise<T>): Promise<T> {
  const config = configOf(global);
  const client = await connectClient(serverUrl(config), createLogger({ level: 'warn' }), config.nats);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** The configuration file with the environment and the options of the command line over it. Throws CONFIG_INVALID. */
export const configOf = ({ config: path, ...nats }: GlobalOptions): Config =>
  loadConfig({ path, env: process.env, nats });

/** The address of a running system: as configured, else the port on which `start` puts its own server. */
export const serverUrl = ({ nats }: Config) => nats.url ?? `nats://127.0.0.1:${nats.port}`;
