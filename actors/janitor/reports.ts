/**
 * The person in REPORTS: lists of names, pictures, sentences. The rest of a report stays. A report that no program of this
 * version wrote is text like any other.
 */
import type { BlobRef } from '../../contracts/references.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { jsonWithout } from '../../services/forgetting/json-without.ts';
import { theirsOf, type Forgetting } from './context.ts';
import { replace } from './models.ts';

const PLACE = BUCKETS.reports;
const KIND = 'reports and pictures';

export async function rewriteReports(f: Forgetting): Promise<void> {
  for (const ref of await f.eraser.objects(PLACE)) {
    f.tally.add(PLACE, KIND, 'looked');
    await replace(f, ref, KIND, await without(f, ref));
  }
}

async function without(f: Forgetting, ref: BlobRef): Promise<Buffer | null> {
  const text = (await f.blobs.get(ref)).toString();
  const theirs = theirsOf(f);
  if (!ref.key.endsWith('.json')) {
    const next = theirs.mentions.withoutName(text);
    return next === text ? null : Buffer.from(next);
  }
  const report: unknown = JSON.parse(text);
  const next = jsonWithout(report, theirs);
  // As the verifier writes its report; spaces are no content.
  return next === report ? null : Buffer.from(JSON.stringify(next, null, 2));
}
