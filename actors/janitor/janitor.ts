/**
 * The janitor actor: an order to forget a person in -> every store without them -> `janitor.completed` out, with what was
 * looked through and found. It alone deletes objects for this. An order that was interrupted is delivered again and done
 * from the start.
 */
import { parseData } from '../../contracts/envelope.ts';
import { JanitorCommandSchema, type ForgetReport, type JanitorCommand } from '../../contracts/forgetting.ts';
import { parseSubject } from '../../contracts/parse-subject.ts';
import { janitorEventSubject, STREAMS } from '../../contracts/subjects.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import { CONSUMERS } from '../../infra/topology/consumers.ts';
import { refuseMuteJanitor } from '../../services/signing/forgetting.ts';
import { forgetTheAbsent } from './absent.ts';
import { forget, type ForgetStores } from './forget.ts';

/** The work is long and can be done again; what fails so often fails for a reason. */
const DELIVERIES_MAX = 5;

export interface JanitorOptions extends ForgetStores {
  /** Null: nobody is forgotten without an order. */
  readonly absentDays: number | null;
}

/** Throws CONFIG_INVALID without a key where releases are signed. */
export async function startJanitor({ absentDays, ...stores }: JanitorOptions): Promise<{ stop(): Promise<void> }> {
  refuseMuteJanitor(stores.signing);
  await stores.forgotten.makeSalt();
  const consumption = stores.bus.consume({
    stream: STREAMS.commands,
    consumer: CONSUMERS.janitor,
    concurrency: 1,
    deliveriesMax: DELIVERIES_MAX,
    handle: (delivery) => handle(stores, delivery),
    onDeadLetter: async (failure, { subject }) => {
      const command = parseSubject(subject);
      if (command.family !== 'janitor-command') return;
      await stores.bus.publish(janitorEventSubject('failed', command.id), { id: command.id, failure });
    },
  });
  const absence = absentDays === null ? null : forgetTheAbsent(stores, absentDays);
  return {
    stop: async () => {
      absence?.stop();
      await consumption.stop();
    },
  };
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
