/**
 * Takes one person out of every place of services/forgetting/places.ts. First all spellings of the name and all images are
 * gathered, then the places are cleaned, the data last: it is what the person is known by, so that a forgetting that was
 * killed does the rest when it is done again.
 */
import type { ForgetReport, JanitorCommand } from '../../contracts/forgetting.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import type { KeptRecords } from '../../infra/stores/kept-records.ts';
import { kvStreamName } from '../../infra/topology/streams.ts';
import { sweepScratch } from '../../runtime/scratch.ts';
import { createMatcher } from '../../services/forgetting/name.ts';
import { muteJanitor, refuseMuteJanitor } from '../../services/signing/forgetting.ts';
import { PLACES, type Treatment } from '../../services/forgetting/places.ts';
import { nothingFound } from '../../services/forgetting/snapshot-without.ts';
import { recallPixels, sweepCaches } from './caches.ts';
import type { Forgetting, JanitorStores } from './context.ts';
import { lookThroughModels, rewriteModels } from './models.ts';
import { rewriteReports } from './reports.ts';
import { lookThroughSnapshots, rewriteSnapshots } from './snapshots.ts';
import {
  eraseEnrolments,
  eraseFacts,
  erasePending,
  lookThroughEnrolments,
  lookThroughQueue,
  lookThroughRecords,
  rewriteRuns,
} from './streams.ts';
import { createTally } from './tally.ts';

export interface ForgetStores extends JanitorStores {
  readonly runs: KeptRecords;
}

export async function forget(
  stores: ForgetStores,
  { id, person, mode, block }: JanitorCommand,
  progress: (place: string, looked: number) => void,
): Promise<ForgetReport> {
  const { forgotten, now } = stores;
  if (mode === 'forget') await refuseMute(stores);
  await forgotten.makeSalt();
  const salt = (await forgotten.salt()) ?? '';
  const tally = createTally(progress);
  const f: Forgetting = {
    ...stores,
    ...{ id, person, tally, isPerson: createMatcher(person, salt), isDry: mode === 'look', found: nothingFound() },
  };
  // First, so that no night takes them in again while this goes on.
  if (!f.isDry && block) await forgotten.add(person, now());
  await sweepScratch();
  await eraseFragments(f);
  const held = await lookThroughSnapshots(f);
  const models = new Set([...(await lookThroughModels(f)), ...(await lookThroughEnrolments(f))]);
  await erasePending(f);
  await recallPixels(f);
  if (f.found.names.size === 0) await sweepCaches(f);
  else {
    if (!f.isDry) for (const model of models) await f.publishForgotten(model, { hash: person, salt });
    await eraseEnrolments(f);
    await rewriteModels(f);
    await sweepCaches(f);
    await rewriteReports(f);
    for (const place of placesOf('log')) await eraseFacts(f, place);
    for (const place of placesOf('queue')) await lookThroughQueue(f, place);
    for (const place of placesOf('records')) await lookThroughRecords(f, place);
    await rewriteRuns(f, stores.runs);
    await rewriteSnapshots(f, held);
  }
  const { rows, remarks } = tally;
  const isFound = f.found.names.size > 0;
  return {
    id,
    person,
    mode,
    found: isFound,
    rows: [...rows],
    sources: [...f.found.sources].sort(),
    remarks: [...remarks],
  };
}

/** Where records are sealed, replicas ask for the word of a janitor, also if this one was never told so. Throws CONFIG_INVALID. */
async function refuseMute({ eraser, signing }: JanitorStores): Promise<void> {
  refuseMuteJanitor(signing);
  if (signing.keyOf('janitor')) return;
  for await (const { data } of eraser.messages(kvStreamName(BUCKETS.deployments), '>')) {
    if (Buffer.from(data).includes(',"seal":{')) throw muteJanitor();
  }
}

/** An upload takes minutes; and a run that is under way keeps an order from the janitor. */
const UPLOAD_MS_MAX = 3600_000;

/** Of uploads that were killed: nobody can tell whose images they are. */
async function eraseFragments({ eraser, tally, now, isDry }: Forgetting): Promise<void> {
  const before = new Date(now().getTime() - UPLOAD_MS_MAX);
  for (const bucket of [BUCKETS.datasets, BUCKETS.models, BUCKETS.reports]) {
    const fragments = await eraser.eraseFragments(bucket, before, { isDry });
    if (fragments > 0) tally.add(bucket, 'interrupted uploads', 'removed', fragments);
  }
}

const placesOf = (treatment: Treatment): string[] =>
  Object.entries(PLACES).flatMap(([place, how]) => (how === treatment ? [place] : []));
