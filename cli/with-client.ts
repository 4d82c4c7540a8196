/** A bracket around a command's connection: opened on the configured server, closed whatever happens. */
import { loadConfig } from '../infra/config.ts';
import { createLogger } from '../infra/logger.ts';
import { connectClient, type Client } from './client.ts';
import { serverUrl } from './commands/start.ts';
import type { GlobalOptions } from './program.ts';

export async function withClient<T>(global: GlobalOptions, use: (client: Client) => Promise<T>): Promise<T> {
  const config = loadConfig({ path: global.config, env: process.env });
  const client = await connectClient(serverUrl(global, config), createLogger({ level: 'warn' }));
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}
