/**
 * After a night the janitor looks who has vanished from all sources for `retention.absentDays`, and orders that they be
 * forgotten: by the same command as an operator, in its own name, which is refused while a run is under way and is then
 * given again after the next night. Somebody who returns is collected again. A person who was enrolled by hand is none of
 * the sources'.
 */
import { z } from 'zod';
import { DatasetManifestSchema } from '../../contracts/dataset.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { JANITOR } from '../../contracts/identity.ts';
import { BlobRefSchema, type BlobRef } from '../../contracts/references.ts';
import { BUCKETS, commandAs, CTL, pipelineEventSubject, STREAMS } from '../../contracts/subjects.ts';
import { enrolledName } from '../../infra/stores/enrolment-log.ts';
import { kvStreamName, kvSubject } from '../../infra/topology/streams.ts';
import { absentPeople, type CollectedNight } from '../../services/forgetting/absent.ts';
import { personHash } from '../../services/forgetting/name.ts';
import type { ForgetStores } from './forget.ts';

/** As much of a checkpoint as counts here; others of the bucket, such as locks, fit not. */
const CollectedSchema = z.object({
  startedAt: z.string(),
  status: z.literal('done'),
  context: z.object({ model: z.string(), runId: z.string(), dataset: BlobRefSchema }),
});

/** Looks now and after every night. */
export function forgetTheAbsent(stores: ForgetStores, absentDays: number): { stop(): void } {
  let looking = Promise.resolve();
  const look = () => {
    looking = looking
      .then(() => orderAbsent(stores, absentDays))
      .catch((err) => stores.log.warn({ err }, 'janitor: who is absent could not be seen now; after the next night'));
  };
  const listening = stores.bus.listen(pipelineEventSubject('completed', '*'), look);
  look();
  return { stop: () => listening.stop() };
}

async function orderAbsent(stores: ForgetStores, absentDays: number): Promise<void> {
  const { bus, forgotten, log, now } = stores;
  const salt = await forgotten.salt();
  const nights = await collectedNights(stores);
  const enrolled = await enrolledPeople(stores);
  // Janitors beside each other give one order; after another night it is given again.
  const newest = Math.max(0, ...nights.map(({ at }) => at.getTime()));
  for (const name of absentPeople(nights, now(), absentDays)) {
    if (salt === null || enrolled.has(name)) continue;
    const person = personHash(name, salt);
    log.info({ person, absentDays }, 'janitor: somebody is absent from all sources and is forgotten');
    const id = `absent-${person.slice(0, 16)}-${newest}`;
    await bus.publish(commandAs(CTL.personForget, JANITOR), { person, block: false }, { id });
  }
}

async function collectedNights(stores: ForgetStores): Promise<CollectedNight[]> {
  const latest = new Map<string, z.infer<typeof CollectedSchema>>();
  for await (const message of stores.eraser.messages(kvStreamName(BUCKETS.runs), kvSubject(BUCKETS.runs, 'run.>'))) {
    const parsed = CollectedSchema.safeParse(message.data.length > 0 ? message.json() : null);
    if (parsed.success) latest.set(message.subject, parsed.data);
  }
  const nights: CollectedNight[] = [];
  for (const { startedAt, context } of latest.values()) {
    const people = await peopleOf(stores, context.dataset);
    if (people) nights.push({ model: context.model, at: new Date(startedAt), people });
  }
  return nights;
}

/** Null of a snapshot that is gone. */
async function peopleOf({ blobs }: ForgetStores, dataset: BlobRef): Promise<string[] | null> {
  try {
    const { labels, strangers } = DatasetManifestSchema.parse(JSON.parse((await blobs.get(dataset)).toString()));
    return [...labels, ...strangers];
  } catch (error) {
    if (error instanceof PipelineError && error.code === 'BLOB_MISSING') return null;
    throw error;
  }
}

async function enrolledPeople({ eraser }: ForgetStores): Promise<ReadonlySet<string>> {
  const enrolled = new Set<string>();
  for await (const message of eraser.messages(STREAMS.enrolments, '>')) {
    const name = enrolledName(message);
    if (name !== null && message.data.length > 0) enrolled.add(name);
  }
  return enrolled;
}
