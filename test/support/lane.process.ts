/** A process that takes start commands of trainings, and hangs with one, or is too busy to say anything for a while. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { STREAMS } from '../../contracts/subjects.ts';
import { createBus } from '../../infra/messaging/bus.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { workerConsumer } from '../../infra/topology/consumers.ts';
import { testLogger } from './server.ts';

export interface LaneOrder {
  readonly url: string;
  /** For so long its event loop turns no more, then the command is done. Absent: it is never done. */
  readonly stallMs?: number;
}
export type LaneNews = 'listens' | 'holds' | 'done';

const [{ url, stallMs }] = (await once(process, 'message')) as [LaneOrder];
const log = testLogger();
const say = (news: LaneNews) => process.send?.(news);
const nc = await connectNats({ url, name: 'lane', log });
const bus = await createBus({ nc, source: 'lane', log, now: () => new Date(), newId: randomUUID });
bus.consume({
  ...{ stream: STREAMS.commands, consumer: workerConsumer('train', 'start'), concurrency: 1 },
  handle: async () => {
    say('holds');
    if (stallMs === undefined) return new Promise(() => {});
    const untilMs = performance.now() + stallMs;
    while (performance.now() < untilMs);
    say('done');
  },
});
say('listens');
