/**
 * The janitor actor: an order to forget a person in -> every store without them -> `janitor.completed` out, with what was
 * looked through and found; an order to sweep in -> what nothing refers to is gone -> `janitor.swept` out. It alone deletes
 * objects for these. An order that was interrupted is delivered again and done from the start.
 */
import { parseData } from '../../contracts/envelope.ts';
import type { RetentionConfig } from '../../contracts/configuration/retention.ts';
import { JanitorCommandSchema, type ForgetReport, type JanitorCommand } from '../../contracts/forgetting.ts';
import { parseSubject } from '../../contracts/parse-subject.ts';
import { SweepCommandSchema } from '../../contracts/retention.ts';
import { janitorEventSubject, STREAMS } from '../../contracts/subjects.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import { CONSUMERS } from '../../infra/topology/consumers.ts';
import type { Sweeper } from '../../infra/stores/sweeper.ts';
import { refuseMuteJanitor } from '../../services/signing/forgetting.ts';
import { forgetTheAbsent } from './absent.ts';
import { forget, type ForgetStores } from './forget.ts';
import { createKnown } from './known.ts';
import { sweep, type SweepStores } from './sweep.ts';
import { orderSweeps } from './sweep-orders.ts';

/** The work is long and can be done again; what fails so often fails for a reason. */
const DELIVERIES_MAX = 5;

export interface JanitorOptions extends ForgetStores {
  readonly sweeper: Sweeper;
  readonly retention: RetentionConfig;
}

type Stores = ForgetStores & SweepStores;

/** Throws CONFIG_INVALID without a key where releases are signed. */
export async function startJanitor(options: JanitorOptions): Promise<{ stop(): Promise<void> }> {
  const { bus, log, now, retention } = options;
  refuseMuteJanitor(options.signing);
  await options.forgotten.makeSalt();
  const stores: Stores = { ...options, known: createKnown(options.sweeper) };
  const sweeps = orderSweeps(bus, log, now);
  const consumption = bus.consume({
    stream: STREAMS.commands,
    consumer: CONSUMERS.janitor,
    concurrency: 1,
    deliveriesMax: DELIVERIES_MAX,
    handle: async (delivery) => {
      if (parseSubject(delivery.subject).family !== 'sweep-command') return handle(stores, delivery);
      sweeps.taken();
      await carryOutSweep(stores, delivery);
    },
    onDeadLetter: async (failure, { subject }) => {
      const command = parseSubject(subject);
      if (command.family !== 'janitor-command' && command.family !== 'sweep-command') return;
      await bus.publish(janitorEventSubject('failed', command.id), { id: command.id, failure });
    },
  });
  const absence = retention.absentDays === null ? null : forgetTheAbsent(stores, retention.absentDays);
  return {
    stop: async () => {
      absence?.stop();
      sweeps.stop();
      await consumption.stop();
    },
  };
}

async function carryOutSweep(stores: Stores, { envelope }: Delivery): Promise<void> {
  const command = parseData(SweepCommandSchema, envelope);
  const { id, mode } = command;
  const report = await sweep(stores, command);
  await stores.bus.publish(janitorEventSubject('swept', id), report, { id: `${id}.swept` });
  const bytes = report.swept.reduce((sum, row) => sum + row.bytes, 0);
  stores.log.info({ id, mode, swept: report.swept, bytes, left: report.left }, 'janitor: swept');
}

async function handle(stores: ForgetStores, { envelope }: Delivery): Promise<void> {
  const command = parseData(JanitorCommandSchema, envelope);
  const { id, mode } = command;
  stores.log.info({ id, mode }, 'janitor: begins');
  const report = await carryOut(stores, command);
  await stores.bus.publish(janitorEventSubject('completed', id), report, { id: `${id}.completed` });
  stores.log.info({ id, mode, found: report.found, rows: report.rows }, 'janitor: done');
}

async function carryOut(stores: ForgetStores, command: JanitorCommand): Promise<ForgetReport> {
  const { id, person, mode } = command;
  if (mode === 'readmit') {
    const wasOut = (await stores.forgotten.people()).has(person);
    await stores.forgotten.remove(person);
    return { id, person, mode, found: wasOut, rows: [], sources: [], remarks: [] };
  }
  return forget(stores, command, (place, looked) => {
    stores.bus
      .publish(janitorEventSubject('progressed', id), { id, place, looked })
      .catch((err) => stores.log.warn({ err, id }, 'janitor: progress could not be told'));
  });
}
