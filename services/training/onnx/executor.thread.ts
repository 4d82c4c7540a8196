/**
 * An executor in a thread of its own: carries out what remote-executor.ts asks for, one command after the other, and
 * ends when it is told to. An error ends it, too, and reaches the other side.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { createExecutor, type ExecutorSetup } from './executor.ts';
import type { ToExecutor } from './remote-executor.ts';

const port = parentPort!;
// startThread passes what remote-executor.ts gave it, under `data`.
const executor = await createExecutor((workerData as { data: ExecutorSetup }).data);

// A rejection is the error that ends the thread.
port.on('message', (command: ToExecutor) => void obey(command));
port.postMessage('ready');

async function obey(command: ToExecutor): Promise<void> {
  port.postMessage(await carryOut(command));
  if (command.type === 'close') port.close();
}

function carryOut(command: ToExecutor): Promise<unknown> {
  switch (command.type) {
    case 'pass':
      return executor.pass(command.first);
    case 'add':
      return executor.add(command.count, command.isFirst);
    case 'update':
      return executor.update(command.rates, command.factor);
    case 'publish':
    case 'close':
      return executor[command.type]();
  }
}
