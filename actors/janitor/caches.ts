/**
 * Features of images, and answers of sources, lie on the disks of the workers. The janitor stores which images are meant,
 * tells all workers, and counts their answers; a worker that is not there keeps what it has, and the report says so.
 */
import { CachesCommandSchema, CachesSweptSchema } from '../../contracts/forgetting.ts';
import { parseData } from '../../contracts/envelope.ts';
import { BUCKETS, cachesSweptSubject, janitorEventSubject, STREAMS, type WorkStage } from '../../contracts/subjects.ts';
import { workerConsumer } from '../../infra/topology/consumers.ts';
import type { Forgetting } from './context.ts';

/** What each worker keeps. */
const KEPT: Readonly<Partial<Record<WorkStage, string>>> = {
  collect: 'answers',
  train: 'features',
  verify: 'features',
};
const KEEPERS = ['collect', 'train', 'verify'] as const satisfies readonly WorkStage[];
/** A worker that reads a gigabyte of features needs some seconds. */
const ANSWER_MS_MAX = 60_000;

const DIGEST_BYTES = 32;

/** It outlives the images if not all workers answered: they are asked again with the next order for the same person. */
const keyOf = ({ person, id, isDry }: Forgetting) => `forgetting/${isDry ? id : person}`;

/** Images that were meant before, whose samples are gone. */
export async function recallPixels({ blobs, found, person }: Forgetting): Promise<void> {
  const stored = await blobs.find(BUCKETS.datasets, `forgetting/${person}`);
  const bytes = stored ? await blobs.get(stored) : Buffer.alloc(0);
  for (let at = 0; at < bytes.length; at += DIGEST_BYTES)
    found.pixels.add(bytes.toString('hex', at, at + DIGEST_BYTES));
}

export async function sweepCaches(f: Forgetting): Promise<void> {
  const { bus, blobs, eraser, tally, found, person, id, isDry } = f;
  // Features are those of images; a source may have told of somebody of whom no image is stored yet.
  const keepers = found.pixels.size === 0 ? KEEPERS.slice(0, 1) : KEEPERS;
  const pixels = await blobs.put(BUCKETS.datasets, keyOf(f), Buffer.from([...found.pixels].join(''), 'hex'));
  let isAnswered = true;
  const waiting = keepers.map((stage) => awaitAnswer(f, stage));
  try {
    const data = CachesCommandSchema.parse({ id, pixels, person, isDry });
    await bus.publish(janitorEventSubject('caches', id), data);
    await Promise.all(
      waiting.map(async ({ stage, answer }) => {
        const isThere = await bus.isAttended(STREAMS.commands, workerConsumer(stage, 'start'));
        if (!isThere || !(await answer)) {
          isAnswered = false;
          tally.remark(`caches of ${stage}: no such worker answered; run the command again when it is up`);
        }
      }),
    );
  } finally {
    for (const { stop } of waiting) stop();
  }
  if (isAnswered || isDry) await eraser.eraseObject(pixels);
}

/** Answers are counted while one is waited for; of several workers of a stage, those that answer by then. */
function awaitAnswer({ bus, tally, id }: Forgetting, stage: WorkStage) {
  let timer: NodeJS.Timeout | undefined;
  let finish: (isAnswered: boolean) => void = () => {};
  const answer = new Promise<boolean>((resolve) => {
    finish = resolve;
    timer = setTimeout(() => resolve(false), ANSWER_MS_MAX);
  });
  const listening = bus.listen(cachesSweptSubject(stage, id), ({ envelope }) => {
    const { files, changed, removed } = parseData(CachesSweptSchema, envelope);
    tally.add(`caches of ${stage}`, 'files', 'looked', files);
    tally.add(`caches of ${stage}`, 'files', 'changed', changed);
    tally.add(`caches of ${stage}`, KEPT[stage] ?? 'files', 'removed', removed);
    finish(true);
  });
  const stop = () => {
    clearTimeout(timer);
    listening.stop();
  };
  return { stage, answer, stop };
}
