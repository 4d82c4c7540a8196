/**
 * Named places at which a process may die between two effects. In production they do nothing; with
 * NIGHTSHIFT_FAULT=<point>@<part of the detail> the process kills itself there with -9, which is how
 * `npm run test:crash` shows that a crash changes nothing but the time.
 */

export const FAULT_POINTS = {
  'orchestrator.loaded': 'the checkpoint is loaded, nothing decided',
  'orchestrator.stepped': 'decided, not saved',
  'orchestrator.saved': 'saved with its outbox, nothing carried out',
  'orchestrator.carried-out': 'an effect of the outbox is carried out, the next is not',
  'orchestrator.settled': 'the outbox is carried out and emptied',
  'command.received': "an operator's command is in hand, nothing done",
  'command.obeyed': 'it is obeyed, nobody told',
  'command.answered': 'the event that answers it is published, its sender not told directly',
  'schedule.woken': 'the record of a schedule is loaded, nothing decided',
  'schedule.decided': 'decided, not saved',
  'schedule.saved': 'saved with its outbox, nothing carried out',
  'schedule.carried-out': 'an effect of its outbox is carried out (a run started, a timer armed), the next is not',
  'schedule.settled': 'the outbox is carried out and emptied',
  'worker.received': 'a worker has its command and has not begun',
  'worker.stored': 'a result, or a part of one, is stored',
  'worker.published': 'the event that ends the command is published',
  'replica.prepared': 'a candidate is loaded and checked, nobody is told',
  'replica.refused': 'a candidate cannot be served here, nobody is told',
  'replica.switched': 'requests are answered by the new release, nobody is told',
  'janitor.forwarded': 'who asks for an object is led to the one without the person, which may not be stored yet',
  'janitor.erasing': 'snapshots lead to shards without the person, the old ones are still there',
  'janitor.condemned': 'an object that nothing refers to is marked as deleted, its bytes are still there',
  'janitor.swept': 'its bytes are gone, the next object is not',
  'message.handled': 'a message is handled and not acknowledged',
  'message.refused': 'a refused message is kept and its sender told, and it is not acknowledged',
  'message.buried': 'a message is kept as a dead letter, its sender not told',
} as const;
export type FaultPoint = keyof typeof FAULT_POINTS;

let [point, detail = ''] = (process.env['NIGHTSHIFT_FAULT'] ?? '').split('@');

/** For a process that was started before it was known where it has to die: `<point>@<part of the detail>`. */
export function armFaultPoint(fault: string): void {
  [point, detail = ''] = fault.split('@');
}

/** `where` tells apart the passes of one point: a state, a command, a key. */
export function faultPoint(name: FaultPoint, where: string): void {
  if (name === point && where.includes(detail)) process.kill(process.pid, 'SIGKILL');
}
