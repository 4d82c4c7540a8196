/**
 * `nightshift setup`: makes streams, buckets and consumers on a server that is somebody else's, once before the first
 * start and after each new version. It speaks as the role `setup`, the only one that may.
 */
import { loginOf } from '../../infra/access/login-of.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { firstDenial } from '../../infra/messaging/denial.ts';
import { applyTopology, missingTopology } from '../../infra/topology/topology.ts';
import { createLogger } from '../../runtime/logger.ts';
import type { GlobalOptions } from '../global-options.ts';
import { configOf, serverUrl } from '../with-client.ts';

export interface SetupOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export async function setupCommand({ dryRun = false, json }: SetupOptions, global: GlobalOptions): Promise<void> {
  const config = configOf(global);
  const { replicas } = config.nats;
  const url = serverUrl(config);
  const login = loginOf(config.nats, 'setup', url);
  const log = createLogger({ level: 'warn' });
  const nc = await connectNats({ url, login, name: 'nightshift-setup', role: 'setup', log, isHasty: true });
  try {
    const missing = await Promise.race([missingTopology(nc, { replicas }), firstDenial(nc)]);
    if (!dryRun) await Promise.race([applyTopology(nc, { replicas }), firstDenial(nc)]);
    const verb = dryRun ? 'would be made' : 'made';
    const lines = [
      ...missing.map((name) => `${verb}: ${name}`),
      missing.length === 0 ? 'everything is there' : '',
      dryRun ? '' : `the streams at ${url} are those of this version, with ${replicas} copies each`,
    ].filter((line) => line !== '');
    process.stdout.write(json ? `${JSON.stringify({ missing, dryRun, replicas })}\n` : `${lines.join('\n')}\n`);
  } finally {
    await nc.close();
  }
}
