/**
 * `nightshift release restore`: a deployment record that is lost, or that no trusted key has sealed any more, comes back
 * from the note that a replica keeps on this machine. Run where that note and the orchestrator's key lie, with a login
 * that may write the record.
 */
import { PipelineError } from '../../contracts/errors.ts';
import { DeploymentSchema, type Deployment } from '../../contracts/release.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { openServedMemory } from '../../actors/inference/served-memory.ts';
import { ownFiles } from '../../infra/config/releases.ts';
import { createRecordStore, openKv } from '../../infra/stores/record-store.ts';
import { createLogger } from '../../runtime/logger.ts';
import { sealed } from '../../services/signing/seal.ts';
import { openSigning, ownKey } from '../../services/signing/signing.ts';
import type { GlobalOptions } from '../global-options.ts';
import { configOf, withClient } from '../with-client.ts';

/** What serves is not touched: the record names it again, under the next number. */
export async function releaseRestoreCommand(
  model: string,
  { json }: { readonly json?: boolean },
  global: GlobalOptions,
): Promise<void> {
  const { nats, releases } = configOf(global);
  const files = ownFiles(nats, releases);
  const memory = openServedMemory(files.stateDir, model, createLogger({ level: 'warn' }));
  const obeyed = memory.last();
  const key = ownKey(openSigning(files), 'orchestrator');
  if (!obeyed || !key) {
    const lacks = obeyed ? `an orchestrator's signing key in ${files.keysDir}` : `a replica's note ${memory.path}`;
    throw new PipelineError('CONFIG_INVALID', `nightshift release restore needs ${lacks}, which is not there`);
  }
  const record = withoutAnnouncement(DeploymentSchema.parse(JSON.parse(obeyed.record)));
  const restored = sealed(record, obeyed.link, key);
  // Nobody else may write the record.
  await withClient(
    global,
    async ({ nc }) => {
      const deployments = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
      const revisions = await deployments.revisions(model);
      await deployments.save(model, restored, revisions.at(-1)?.revision ?? 0);
    },
    'orchestrator',
  );
  const { current, seal } = restored;
  if (json) return void process.stdout.write(`${JSON.stringify({ model, release: current?.release ?? null, seal })}\n`);
  process.stdout.write(
    `model ${model}: the record of release ${current?.release ?? '-'} is back, as number ${seal?.number}\n`,
  );
}

/** The run that had announced it found its record lost, and has ended or waits for an operator. */
const withoutAnnouncement = (record: Deployment): Deployment =>
  record.announced ? { ...record, announced: null, change: 'withdrawn' } : record;
