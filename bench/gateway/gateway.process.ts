/** A gateway in a process of its own, as `nightshift start` runs it, on any free port. Ordered by gateway.ts. */
import { randomUUID } from 'node:crypto';
import { startGateway, type Gateway } from '../../actors/gateway/gateway.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { createBus } from '../../infra/messaging/bus.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { createLogger } from '../../runtime/logger.ts';
import type { FromGateway, ToGateway } from './messages.ts';

let gateway: Gateway | null = null;
const say = (message: FromGateway) => void process.send?.(message);

process.on('message', (message: ToGateway) => {
  if (message.type === 'address') return say({ type: 'address', address: gateway?.address() ?? 'nowhere' });
  // A rejection ends this process.
  return void start(message);
});

async function start({ url, tokenFile }: Extract<ToGateway, { type: 'start' }>): Promise<void> {
  const log = createLogger({ level: 'silent' });
  const logins = { door: { token: { file: tokenFile }, role: 'door' } };
  const { nats, gateway: config } = ConfigSchema.parse({ gateway: { port: 0, logins } });
  const nc = await connectNats({ url, name: 'bench-gateway', log });
  const bus = await createBus({ nc, source: 'gateway', log, now: () => new Date(), newId: randomUUID });
  gateway = await startGateway({ nc, url, bus, config, nats, login: {}, log });
  say({ type: 'ready' });
}
