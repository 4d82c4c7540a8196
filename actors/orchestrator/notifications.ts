/**
 * Tells people what went wrong, by a durable consumer of its own: its redelivery is the retry, so a kill loses nothing,
 * several orchestrators share the work, and a receiver that is slow or dead delays no run. Which targets have a notice that
 * others have not taken yet is noted beside the runs, so that nobody gets it twice but after a crash.
 */
import { PipelineError } from '../../contracts/errors.ts';
import { STREAMS } from '../../contracts/subjects.ts';
import type { Consumption, Delivery } from '../../infra/messaging/bus.ts';
import { CONSUMERS } from '../../infra/topology/consumers.ts';
import { hasTargets, sendToAll } from '../../services/notify/send.ts';
import type { OrchestratorContext } from './context.ts';
import { noticeId, noticeOf } from './notices.ts';

/** Each takes ten seconds at most. */
const CONCURRENCY = 4;
/** The age of a notice ends its tries, long before this number of them. */
const DELIVERIES_MAX = 10_000;
/** After nine tries in some twenty minutes it is tried every quarter of an hour. */
const BACKOFF = { backoffMs: 2_000, backoffMaxMs: 15 * 60_000 };
const HOUR_MS = 3600_000;

const notifiedKey = (id: string) => `notified.${id}`;

export function startNotifications(o: OrchestratorContext): Consumption {
  return o.bus.consume({
    ...BACKOFF,
    stream: STREAMS.events,
    consumer: CONSUMERS.notifications,
    concurrency: CONCURRENCY,
    deliveriesMax: DELIVERIES_MAX,
    handle: (delivery) => notify(o, delivery),
  });
}

/** Throws NOTIFICATION_FAILED if a target has not taken it: for good if it has been tried for long enough. */
async function notify(o: OrchestratorContext, delivery: Delivery): Promise<void> {
  if (!hasTargets(o.notify)) return;
  const notice = await noticeOf(o, delivery);
  if (notice === null) return;
  const id = noticeId(delivery, notice);
  const before = delivery.deliveryCount === 1 ? null : await o.notified.load(notifiedKey(id));
  const done = before?.value.targets ?? [];
  const sent = await sendToAll(o.notify, { id, notice, now: o.now(), done });
  const failed = sent.filter(({ failure }) => failure !== null);
  const taken = sent.filter(({ failure }) => failure === null).map(({ target }) => target);
  if (taken.length > 0) o.log.info({ id, kind: notice.kind, targets: taken }, 'orchestrator: people were notified');
  if (failed.length === 0) return;
  if (taken.length > 0) await o.notified.save(notifiedKey(id), { targets: [...done, ...taken] }, before?.revision ?? 0);
  const why = failed.map(({ failure }) => failure!.message).join('; '); // Of those that have one.
  const isOver = o.now().getTime() - delivery.time.getTime() > o.notify.giveUpAfterHours * HOUR_MS;
  throw new PipelineError('NOTIFICATION_FAILED', `${notice.title}: ${why}`, { retryable: !isOver });
}
