/**
 * A system as `npm start` makes it, with tiny people and runs that wait for approval: what the tests of the three ways (page,
 * command line, `nats`) begin with. Nothing here acts on it.
 */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { CONFIG_FILE } from '../../infra/config/config.ts';
import { serverOf, withCli } from './cli.ts';
import { withFolder } from './folder.ts';
import { MODEL } from './replicas.ts';
import { tinyNightIn } from './tiny-night.ts';
import { until } from './wait.ts';

export interface StartedSystem {
  /** Where it was started, and where its people are. */
  readonly cwd: string;
  readonly storeDir: string;
  readonly url: string;
  /** Of its gateway. */
  readonly base: string;
  /** For commands of the command line beside it. */
  readonly env: Readonly<Record<string, string>>;
}

/** Asked on a machine that may be busy: a night of processes that start. */
export const NIGHT_MS = 120_000;

export const withStarted = (use: (started: StartedSystem) => Promise<void>): Promise<void> =>
  withFolder(async (cwd) => {
    const [storeDir, port, night] = [join(cwd, 'store'), await freePort(), await tinyNightIn(cwd)];
    const pipeline = { ...night, deployment: { ...night.deployment, approval: { required: true } } };
    const config = { nats: { port: 0, storeDir }, gateway: { port }, models: { [MODEL]: pipeline } };
    await writeFile(join(cwd, CONFIG_FILE), JSON.stringify(config));
    await withCli(['start'], { cwd }, async (system) => {
      const url = await serverOf(system);
      const base = `http://127.0.0.1:${port}`;
      await until(() => isUp(base), 'the system', NIGHT_MS);
      await use({ cwd, storeDir, url, base, env: { NATS_URL: url, NIGHTSHIFT_STORE: storeDir } });
    });
  });

/** All processes have said that they are ready. */
const isUp = (base: string) =>
  fetch(`${base}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // It listens on a port.
  server.close();
  await once(server, 'close');
  return port;
}
