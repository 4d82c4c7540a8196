/**
 * Reads who refers to what: deployment records, runs, and where forgetting has led references to. A run that has ended is
 * read once in the life of the process.
 */
import { BlobRefSchema, type BlobRef } from '../../contracts/references.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import type { Sweeper } from '../../infra/stores/sweeper.ts';
import type { World } from '../../services/retention/holds.ts';
import { claimsOf, runOf, type KnownRun } from '../../services/retention/world.ts';

export type Known = Omit<World, 'objects'>;

const FORWARD = 'forward.';

export function createKnown(sweeper: Sweeper): () => Promise<Known> {
  const ended = new Map<string, { readonly revisions: number; readonly run: KnownRun }>();
  const runs = async (): Promise<KnownRun[]> => {
    const keys = await sweeper.keys(BUCKETS.runs, 'run.*');
    const found: KnownRun[] = [];
    for (const [key, revisions] of keys) {
      const known = ended.get(key);
      const run = known?.revisions === revisions ? known.run : await runAt(sweeper, key);
      if (run === null) continue;
      if (!run.isActive) ended.set(key, { revisions, run });
      found.push(run);
    }
    for (const key of ended.keys()) if (!keys.has(key)) ended.delete(key);
    return found;
  };
  return async () => {
    const forwards = await forwardsIn(sweeper);
    // Runs before releases: the release of one that ends in between is found in the record.
    const known = await runs();
    return { forwards, runs: known, claims: await claimsIn(sweeper) };
  };
}

async function runAt(sweeper: Sweeper, key: string): Promise<KnownRun | null> {
  const value = await sweeper.record(BUCKETS.runs, key);
  return value === null ? null : runOf(key, value);
}

async function claimsIn(sweeper: Sweeper) {
  const claims: World['claims'][number][] = [];
  for (const key of (await sweeper.keys(BUCKETS.deployments, '>')).keys()) {
    const value = await sweeper.record(BUCKETS.deployments, key);
    if (value !== null) claims.push(...claimsOf(key, value));
  }
  return claims;
}

async function forwardsIn(sweeper: Sweeper): Promise<Map<string, BlobRef>> {
  const forwards = new Map<string, BlobRef>();
  for (const key of (await sweeper.keys(BUCKETS.forgotten, `${FORWARD}*`)).keys()) {
    const now = BlobRefSchema.safeParse(await sweeper.record(BUCKETS.forgotten, key));
    if (now.success) forwards.set(`sha256:${key.slice(FORWARD.length)}`, now.data);
  }
  return forwards;
}
