/**
 * The gateway as a part of `nightshift start`: flooded and killed, it costs no request at the doors, which go over NATS, takes
 * no more memory than its limits, and comes back.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { IMAGE_BYTES_MAX } from '../../contracts/inference.ts';
import { tokenFileOf } from '../../infra/access/keys.ts';
import { CONFIG_FILE } from '../../infra/config/config.ts';
import { deployTinyChampion } from '../support/champion.ts';
import { serverOf, withCli, type CliProcess } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { withRoles } from '../support/identities.ts';
import { whileAsking } from '../support/nights.ts';
import { faceOf, MODEL } from '../support/replicas.ts';
import { tinyNightIn } from '../support/tiny-night.ts';
import { until } from '../support/wait.ts';

/** The process itself, the bodies, and what the collector of garbage leaves for a while. */
const MEMORY_MAX_BYTES = 500 * 1024 * 1024;
const FLOOD = 100;
const STUCK = 100;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // It listens on a port.
  server.close();
  await once(server, 'close');
  return port;
}

const pidOf = (system: CliProcess): number | null => {
  const line = system.alive().find((it) => it.endsWith('actor.process.js gateway'));
  return line === undefined ? null : Number.parseInt(line, 10);
};

const memoryOf = (pid: number) =>
  1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);

/**
 * Large images of a door, all at once, and clients that send the head of a request and no more. In a process of its own: the
 * doors of this one must not wait for it. It prints how often each status came; 0: the connection was closed.
 */
const FLOODER = `
import { connect } from 'node:net';
const [base, token, model, size, flood, stuck] = process.argv.slice(1);
const { hostname, port } = new URL(base);
for (let i = 0; i < Number(stuck); i++) {
  const socket = connect(Number(port), hostname).on('error', () => {});
  socket.write('POST /v1/' + model + '/identify HTTP/1.1\\r\\nHost: ' + hostname + '\\r\\nContent-Length: ' + size + '\\r\\n\\r\\n');
}
const body = Buffer.alloc(Number(size), 7);
const headers = { authorization: 'Bearer ' + token, 'content-type': 'image/png' };
const counts = {};
const one = async () => {
  const status = await fetch(base + '/v1/' + model + '/identify', { method: 'POST', body, headers }).then(
    async (response) => { await response.text(); return response.status; },
    () => 0,
  );
  counts[status] = (counts[status] ?? 0) + 1;
};
await Promise.all(Array.from({ length: Number(flood) }, one));
console.log(JSON.stringify(counts));
process.exit();
`;

async function flood(base: string, token: string): Promise<Readonly<Record<string, number>>> {
  const numbers = [IMAGE_BYTES_MAX, FLOOD, STUCK].map(String);
  const args = ['--input-type=module', '-e', FLOODER, base, token, MODEL, ...numbers];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as Record<string, number>; // As the line before the last of the script prints it.
}

test('gateway: flooded and killed it costs no request at the doors, keeps its limits, and comes back', () =>
  withFolder(async (cwd) => {
    const [storeDir, port] = [join(cwd, 'store'), await freePort()];
    const config = {
      nats: { port: 0, storeDir },
      gateway: { port },
      models: { [MODEL]: await tinyNightIn(cwd) },
    };
    await writeFile(join(cwd, CONFIG_FILE), JSON.stringify(config));
    const base = `http://127.0.0.1:${port}`;
    const isUp = () =>
      fetch(`${base}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
    await withCli(['start'], { cwd }, async (system) => {
      const started = { url: await serverOf(system), storeDir };
      await until(isUp, 'the gateway');
      await withRoles(started, ['orchestrator', 'verifier', 'door'], async ({ orchestrator, verifier, door }) => {
        await deployTinyChampion(orchestrator.nc, { verifier: verifier.nc, store: storeDir });
        const faces = await Promise.all([0, 1, 2].map(faceOf));
        const asked = await whileAsking(door.nc, faces, async () => {
          const counts = await flood(base, readFileSync(tokenFileOf(storeDir, 'door'), 'utf8').trim());
          console.log(`flood: ${JSON.stringify(counts)}`);
          assert.ok((counts['429'] ?? 0) + (counts['0'] ?? 0) > 0, 'nobody was turned away');
          assert.is(await isUp(), true);
          const pid = pidOf(system)!;
          assert.ok(memoryOf(pid) < MEMORY_MAX_BYTES, `${memoryOf(pid)} bytes`);
          process.kill(pid, 'SIGKILL');
          await until(async () => pidOf(system) !== pid && (await isUp()), 'another gateway');
        });
        assert.equal(asked.failures, []);
        assert.ok(asked.answers > 0);
      });
      // The notes of all processes, once each has written one since the gateway came back.
      const ready = ['start', 'orchestrator', 'gateway'].map(
        (name) => new RegExp(`^nightshift_process_ready\\{actor="${name}"\\} 1$`, 'm'),
      );
      const text = await until(async () => {
        const all = await (await fetch(`${base}/metrics`)).text();
        const isTold = /process_resident_memory_bytes\{actor="inference"\} \d+/.test(all);
        return isTold && ready.every((note) => note.test(all)) ? all : null;
      }, 'the notes, with all processes ready');
      assert.match(text, /^nightshift_process_event_loop_delay_seconds\{actor="gateway"\} [\d.e-]+$/m);
    });
  }));

test.run();
