/** The load generator, in a process of its own so that it and the replica do not share a thread. Ordered by rig.ts. */
import { connectNats } from '../../infra/messaging/connection.ts';
import { createLogger } from '../../runtime/logger.ts';
import { closedLoop, openLoop, type Target } from './load.ts';
import type { ClientSetup, FromClient, LoadOrder, ToClient } from './messages.ts';
import { bareTarget, httpTarget, replicaTarget, type Pools } from './targets.ts';

type Open = (order: LoadOrder) => Promise<Target>;

let open: Open | null = null;
let seed = 1;
const pools: Pools = new Map();
const say = (message: FromClient) => void process.send?.(message);

process.on('message', (message: ToClient) => {
  const work = message.type === 'setup' ? setUp(message.setup) : put(message);
  work.then(say, (error: Error) => say({ type: 'failed', message: error.message }));
});

async function setUp(setup: ClientSetup): Promise<FromClient> {
  const nc = await connectNats({ url: setup.url, name: 'bench-client', log: createLogger({ level: 'warn' }) });
  open = async ({ target, verb, input }) => {
    const face = { input, bytes: setup.faces[input] };
    if (typeof target === 'object') return httpTarget(pools, target.url, face, target.headers);
    return target === 'bare' ? bareTarget({ ...setup, verb, face }) : replicaTarget(nc, setup.name, verb, face);
  };
  return { type: 'ready' };
}

async function put(order: LoadOrder): Promise<FromClient> {
  if (!open) throw new Error('the load generator is not set up');
  const target = await open(order);
  try {
    const { load, seconds } = order;
    if ('inFlight' in load) return { type: 'closed', perSecond: await closedLoop(target, load.inFlight, seconds) };
    return { type: 'open', figures: await openLoop(target, load.perSecond, seconds, seed++) };
  } finally {
    await target.close();
  }
}
