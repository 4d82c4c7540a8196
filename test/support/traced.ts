/**
 * A whole system with identities on a server that logs every line of the protocol, and what each role said in them:
 * each subject that it published or subscribed, under its logical name. For tests that hold the table of permissions to what happens.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { applyFile } from '../../actors/orchestrator/apply-file.ts';
import { ACTORS } from '../../actors/names.ts';
import { ROLES, type Role } from '../../contracts/roles.ts';
import { openKeys } from '../../infra/access/keys.ts';
import { loginOf } from '../../infra/access/login-of.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { localDefinitions } from '../../infra/config/local-definitions.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { launchServer } from '../../infra/server/server.ts';
import { localSubject, NAMESPACE_DEFAULT } from '../../infra/topology/namespace.ts';
import { applyTopology } from '../../infra/topology/topology.ts';
import { startActor, type Actor } from '../../main.ts';
import { withFolder } from './folder.ts';
import { connectAs, type Started } from './identities.ts';
import { testLogger } from './server.ts';

export type Operation = 'publish' | 'subscribe';
export type Said = Readonly<Record<Operation, ReadonlySet<string>>>;
export interface Traced extends Started {
  readonly folder: string;
}

/** What each role said until all had stopped. `modelsIn`: the section `models` for data in the folder. */
export function traceOf(
  modelsIn: (folder: string) => Promise<object>,
  use: (traced: Traced) => Promise<void>,
): Promise<Readonly<Record<Role, Said>>> {
  return withFolder(async (folder) => {
    const [storeDir, log] = [join(folder, 'store'), testLogger()];
    const config = ConfigSchema.parse({ nats: { storeDir }, gateway: { port: 0 }, models: await modelsIn(folder) });
    const server = await launchServer({ storeDir, hasIdentities: true, isTraced: true, log });
    const actors: Actor[] = [];
    try {
      const login = loginOf(config.nats, 'setup', server.url);
      const nc = await connectNats({ url: server.url, login, name: 'setup', role: 'setup', log });
      await applyTopology(nc, { replicas: 1 });
      await nc.close();
      const orchestrator = await connectAs('orchestrator', { url: server.url, storeDir });
      await applyFile(orchestrator.nc, localDefinitions(config), log);
      await orchestrator.close();
      for (const name of ACTORS) actors.push(await startActor(name, server.url, config, log));
      await use({ url: server.url, storeDir, folder });
    } finally {
      await Promise.all(actors.map((actor) => actor.stop()));
      await server.stop();
    }
    return saidIn(readFileSync(join(storeDir, 'nats-server.log'), 'latin1'), openKeys(storeDir).publicKeys);
  });
}

/** `[7] ... [TRC] 127.0.0.1:4 - cid:5 - "v3" - "$G/nkey:UA..." - <<- [PUB a.b _INBOX_x.y 3]`: what a client sent. */
const LINE = /\[TRC\] .*nkey:(U[A-Z2-7]+)" - <<- \[(PUB|HPUB|SUB) (\S+)/;

function saidIn(log: string, keys: Readonly<Record<Role, string>>): Readonly<Record<Role, Said>> {
  const said = new Map(ROLES.map((role) => [keys[role], { publish: new Set<string>(), subscribe: new Set<string>() }]));
  for (const line of log.split('\n')) {
    const [, key = '', verb, subject = ''] = LINE.exec(line) ?? [];
    if (verb !== undefined)
      said.get(key)![verb === 'SUB' ? 'subscribe' : 'publish'].add(localSubject(NAMESPACE_DEFAULT, subject));
  }
  // One for each role, which fromEntries loses.
  return Object.fromEntries(ROLES.map((role): [Role, Said] => [role, said.get(keys[role])!])) as Record<Role, Said>;
}
