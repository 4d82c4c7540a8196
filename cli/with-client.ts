/** A bracket around a command's connection to the configured server; it is closed in any case. */
import { PipelineError } from '../contracts/errors.ts';
import { WhoSchema } from '../contracts/identity.ts';
import type { Role } from '../contracts/roles.ts';
import { loginOf } from '../infra/access/login-of.ts';
import { loadConfig, type Config } from '../infra/config/config.ts';
import { unlessDenied } from '../infra/messaging/denial.ts';
import { createLogger } from '../runtime/logger.ts';
import { clientAs, connectClient, type Client } from './client.ts';
import type { GlobalOptions } from './global-options.ts';

/** `role`: as whom the command speaks, where a login of that role is known. */
export async function withClient<T>(
  global: GlobalOptions,
  use: (client: Client) => Promise<T>,
  role: Role = 'operator',
): Promise<T> {
  const config = configOf(global);
  const who = whoOf(global);
  const url = serverUrl(config);
  const log = createLogger({ level: 'warn' });
  const client = clientAs(await connectClient(url, log, loginOf(config.nats, role, url), role), who);
  try {
    return await use(client);
  } catch (error) {
    throw unlessDenied(error, client.nc);
  } finally {
    await client.close();
  }
}

/** Throws CONFIG_INVALID if it cannot be anybody's name. */
function whoOf({ as }: GlobalOptions): string | null {
  const who = as ?? (process.env['NIGHTSHIFT_AS'] || null);
  const parsed = WhoSchema.nullable().safeParse(who);
  if (parsed.success) return parsed.data;
  throw new PipelineError('CONFIG_INVALID', `--as or NIGHTSHIFT_AS "${who}": ${parsed.error.issues[0]?.message}`);
}

/** The configuration file with the environment and the options of the command line over it. Throws CONFIG_INVALID. */
export const configOf = ({ config: path, as: _as, ...nats }: GlobalOptions): Config =>
  loadConfig({ path, env: process.env, nats });

/** The address of a running system: as configured, else the port on which `start` puts its own server. */
export const serverUrl = ({ nats }: Config) => nats.url ?? `nats://127.0.0.1:${nats.port}`;
