/**
 * `nightshift setup`: makes streams, buckets and consumers on a server that is somebody else's, once before the first
 * start and after each new version. It speaks as the role `setup`, the only one that may.
 */
import { loginOf } from '../../infra/access/login-of.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { firstDenial } from '../../infra/messaging/denial.ts';
import { inWords, type Change, type FieldChange } from '../../infra/topology/plan.ts';
import { applyTopology, planTopology } from '../../infra/topology/topology.ts';
import { createLogger } from '../../runtime/logger.ts';
import type { GlobalOptions } from '../global-options.ts';
import { configOf, serverUrl } from '../with-client.ts';

export interface SetupOptions {
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

export async function setupCommand(options: SetupOptions, global: GlobalOptions): Promise<void> {
  const { dryRun = false, force = false, json } = options;
  const config = configOf(global);
  const { replicas, namespace } = config.nats;
  const url = serverUrl(config);
  const login = loginOf(config.nats, 'setup', url);
  const log = createLogger({ level: 'warn' });
  const nc = await connectNats({ url, login, name: 'nightshift-setup', role: 'setup', log, isHasty: true });
  try {
    const work = dryRun ? planTopology : applyTopology;
    const changes = await Promise.race([work(nc, { replicas, force }), firstDenial(nc)]);
    const missing = changes.filter(({ kind }) => kind === 'make').map(({ what }) => what);
    const text = [...changes.flatMap((change) => linesOf(change, dryRun)), summary(url, namespace, changes, dryRun)];
    process.stdout.write(
      json ? `${JSON.stringify({ missing, changes, dryRun, replicas, namespace })}\n` : `${text.join('\n')}\n`,
    );
  } finally {
    await nc.close();
  }
}

/** A line for each thing that is made, and for each setting that is changed or kept. */
function linesOf({ kind, what, fields }: Change, dryRun: boolean): string[] {
  if (kind === 'make') return [`${dryRun ? 'would be made' : 'made'}: ${what}`];
  if (kind === 'rename') return [`${dryRun ? 'would be renamed' : 'renamed'}: ${what}`];
  const verb = ({ isKept }: FieldChange) => (isKept ? 'kept' : dryRun ? 'would be changed' : 'changed');
  const why = ({ isKept }: FieldChange) => (isKept ? ' would lower it; --force does' : '');
  return fields.map((field) => `${verb(field)}: ${what}: ${inWords(field)}${why(field)}`);
}

function summary(url: string, namespace: string, changes: readonly Change[], dryRun: boolean): string {
  const isDone = changes.every(({ fields, kind }) => kind === 'change' && fields.every(({ isKept }) => isKept));
  if (isDone) return 'everything is there';
  return dryRun
    ? `nothing was changed at ${url}: --dry-run`
    : `the streams of "${namespace}" at ${url} are those of this version`;
}
