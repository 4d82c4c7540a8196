/**
 * Obeys operator commands in their order and tells the sender. A command that cannot be obeyed throws;
 * refusals.ts keeps it and answer.ts says why. A repeated command finds the run where the first one brought it, and is
 * answered alike.
 */
import type { Delivery } from '../../infra/messaging/bus.ts';
import { faultPoint } from '../../runtime/fault-points.ts';
import { accept } from './answer.ts';
import { parseCommand } from './commands.ts';
import type { OrchestratorContext } from './context.ts';

/** Returns when the command is obeyed and its sender told. Takes its place in the order at once, before it waits. */
export async function handleOperator(o: OrchestratorContext, delivery: Delivery): Promise<void> {
  const { besides, obey } = parseCommand(delivery);
  const tell = async () => {
    faultPoint('command.received', delivery.subject);
    const obeyed = await obey(o);
    faultPoint('command.obeyed', delivery.subject);
    await accept(o, delivery, obeyed);
  };
  return besides === null ? o.commandOrder.alone(tell) : o.commandOrder.start(besides, tell);
}
