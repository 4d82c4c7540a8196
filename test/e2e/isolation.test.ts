/**
 * Actors in processes of their own: each of them is killed, and filled to its memory limit, while a hundred requests a
 * second are asked. Those that are no replica cost no request, all come back, and the night goes on to its end.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { NatsConnection } from 'nats';
import { ACTORS, type ActorName } from '../../contracts/roles.ts';
import { CONFIG_FILE } from '../../infra/config/config.ts';
import { deployTinyChampion } from '../support/champion.ts';
import { serverOf, withCli, type CliProcess } from '../support/cli.ts';
import { withFolder, writeTinyPeople } from '../support/folder.ts';
import { withRoles } from '../support/identities.ts';
import { lenientIn, LENIENT_GATES } from '../support/lenient.ts';
import { runNight } from '../support/nights.ts';
import { ask, faceOf, MODEL } from '../support/replicas.ts';
import { TINY_IMAGE } from '../support/tiny-model.ts';
import { until } from '../support/wait.ts';

const EVERY_MS = 10;
const FILLER = pathToFileURL(join(import.meta.dirname, '../support/own/fill-memory.mjs')).href;
/** Three times what one of them needs here. */
const MEMORY_MAX_MIB = 400;

interface Doors {
  readonly answered: () => number;
  /** Of requests that were asked while no replica was a victim. */
  readonly failed: readonly string[];
  /** Failures of requests from now on are counted apart. Resolves when every request before is answered or has failed. */
  apart(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** Open loop: the next request does not wait for the answer to the one before. */
function openDoors(nc: NatsConnection, faces: readonly Uint8Array[]): Doors {
  const over = new AbortController();
  const underWay = new Set<Promise<void>>();
  const failed: string[] = [];
  let list = failed;
  let answered = 0;
  const one = async (face: Uint8Array, into: string[]) => {
    try {
      const { status, text } = await ask(nc, 'identify', face);
      if (status === 200) answered++;
      else into.push(`${status} ${text}`);
    } catch (error) {
      into.push(String(error));
    }
  };
  const asking = (async () => {
    for (let turn = 0; !over.signal.aborted; turn++) {
      const request = one(faces[turn % faces.length]!, list);
      underWay.add(request);
      void request.then(() => underWay.delete(request)); // It tells its failure in the list.
      await delay(EVERY_MS);
    }
  })();
  return {
    answered: () => answered,
    failed,
    apart: async () => {
      const lost: string[] = [];
      // First, so that none is begun meanwhile whose failure would count among the others.
      list = lost;
      await Promise.all(underWay);
      return lost;
    },
    stop: async () => {
      over.abort();
      await asking;
      await Promise.all(underWay);
    },
  };
}

const pidOf = (system: CliProcess, name: ActorName): number | null => {
  const line = system.alive().find((it) => it.endsWith(`actor.process.js ${name}`));
  return line === undefined ? null : Number.parseInt(line, 10);
};

/** Resolves when another process of the actor works. */
async function hit(system: CliProcess, name: ActorName, signal: NodeJS.Signals): Promise<void> {
  const before = await until(() => pidOf(system, name), `the process of ${name}`);
  const worked = worksOf(system, name);
  process.kill(before, signal);
  await until(() => worksOf(system, name) > worked && pidOf(system, name) !== before, `${name} after ${signal}`);
}

/** How often an actor has said that it works. */
const worksOf = (system: CliProcess, name: ActorName) =>
  system
    .output()
    .split('\n')
    .filter((line) => line.includes(`"msg":"${name} works"`)).length;

test('isolation: each actor is killed, and filled to its memory limit, and only the replica is missed at the doors', () =>
  withFolder(async (cwd) => {
    const storeDir = join(cwd, 'store');
    await writeTinyPeople(join(cwd, 'people'), 5, 8);
    const face = {
      sources: [{ type: 'directory', name: 'tiny', path: join(cwd, 'people') }],
      ...(await lenientIn(cwd)),
      image: TINY_IMAGE,
      training: { epochs: 4 },
      verification: { gates: LENIENT_GATES },
      deployment: { guardMs: 0 },
    };
    const memoryMaxMiB = Object.fromEntries(ACTORS.map((name) => [name, MEMORY_MAX_MIB]));
    const supervisor = { memoryMaxMiB };
    await writeFile(
      join(cwd, CONFIG_FILE),
      JSON.stringify({ nats: { port: 0, storeDir }, gateway: { port: 0 }, supervisor, models: { [MODEL]: face } }),
    );
    await withCli(['start'], { cwd, env: { NODE_OPTIONS: `--import ${FILLER}` } }, async (system) => {
      const started = { url: await serverOf(system), storeDir };
      await withRoles(started, ['orchestrator', 'verifier', 'door', 'operator'], async (clients) => {
        const { orchestrator, verifier, door, operator } = clients;
        await deployTinyChampion(orchestrator.nc, { verifier: verifier.nc, store: storeDir });
        const doors = openDoors(door.nc, await Promise.all([0, 1, 2, 3, 4].map(faceOf)));
        const night = runNight(operator.bus, 'isolation');
        const asked = performance.now();
        for (const name of ACTORS.filter((it) => it !== 'inference')) {
          await hit(system, name, 'SIGKILL');
          await hit(system, name, 'SIGUSR2');
        }
        const lost = await doors.apart();
        const perSecond = Math.round((doors.answered() * 1000) / (performance.now() - asked));
        for (const signal of ['SIGKILL', 'SIGUSR2'] as const) {
          await hit(system, 'inference', signal);
          const answered = doors.answered();
          await until(() => doors.answered() > answered + 20, 'answers of the new replica');
        }
        const { fact } = await night;
        await doors.stop();
        console.log(`${doors.answered()} answered, ${perSecond} a second; ${lost.length} missed the replica`);
        assert.equal(doors.failed, []);
        assert.is(fact, 'completed');
      });
    });
  }));

test.run();
