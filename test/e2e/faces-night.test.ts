/**
 * Nights with drawn photographs through the composition root: one that takes pictures whole, one that looks for faces, one
 * without a change, one with another detector, and a rollback to the first.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Client } from '../../cli/client.ts';
import { rollBack } from '../../cli/commands/operate.ts';
import { ConfigSchema, type Config } from '../../infra/config/config.ts';
import { startSystem } from '../../main.ts';
import { withFolder, writeImage } from '../support/folder.ts';
import { connectVisitor } from '../support/identities.ts';
import { LENIENT_GATES, lenientWith } from '../support/lenient.ts';
import { drawMarked, markDetector } from '../support/marked-faces.ts';
import { runNight } from '../support/nights.ts';
import { ask, MODEL } from '../support/replicas.ts';
import { testLogger } from '../support/server.ts';

/** Whose faces have which lines. */
const PEOPLE = { ada: [0.5], ben: [0.95], cem: [0.5, 0.95], dora: [0.7], eva: [] };
const STRANGERS = { fay: [0.5, 0.7], gil: [0.7, 0.95], hal: [0.6], ivo: [0.8, 1.1] };
const SHOTS = 8;
const SIZE = { width: 240, height: 160 };

/** Off the middle, each shot elsewhere and tilted otherwise. */
const photograph = (lines: readonly number[], shot: number) =>
  drawMarked(SIZE, [
    { lines, x: 60 + 15 * shot, y: 50 + 4 * (shot % 5), apart: 32 + 2 * (shot % 4), tilt: 3 * (shot % 5) - 6 },
  ]);
/** The eyes lie outside. */
const nobody = () => drawMarked(SIZE, [{ x: -150, y: 80, apart: 220 }]);

const configOf = (home: string, more: object): Config =>
  ConfigSchema.parse({
    nats: { storeDir: join(home, 'store'), port: 0 },
    inference: { replicas: 1 },
    models: {
      [MODEL]: {
        sources: [{ type: 'directory', name: 'doors', path: join(home, 'people') }],
        ...lenientWith(join(home, 'street')),
        image: { width: 32, height: 32 },
        split: { strategy: 'content-hash', validation: 0, probe: 0.2 },
        training: { epochs: 20, batchSize: 8, microBatch: 8, learningRate: 2e-3 },
        verification: { gates: LENIENT_GATES, performanceRequests: 10 },
        // Drawn faces differ by a line.
        checks: { conflictingNames: { action: 'off' } },
        deployment: { guardMs: 0, replicasMin: 1, guardLatencyP99MsMax: 10_000 },
        ...more,
      },
    },
  });

async function withSystem(config: Config, use: (client: Client) => Promise<void>): Promise<void> {
  const { server, stop } = await startSystem(config, testLogger());
  try {
    const client = await connectVisitor({ url: server.url, storeDir: config.nats.storeDir });
    try {
      await use(client);
    } finally {
      await client.close();
    }
  } finally {
    await stop();
  }
}

async function night({ bus }: Client, runId: string): Promise<string> {
  const { fact, failure } = await runNight(bus, runId);
  assert.is(failure?.message, undefined);
  return fact;
}

const identify = async ({ nc }: Client, image: Uint8Array) => {
  const { status, body } = await ask(nc, 'identify', image);
  return { status, release: body['release'], person: body['person'], code: (body['error'] as { code?: string })?.code };
};

async function assertWhole(client: Client, release: number): Promise<void> {
  const answer = await identify(client, await nobody());
  assert.equal([answer.status, answer.release, answer.code], [200, release, undefined]);
}

async function assertFaces(client: Client, release: number): Promise<void> {
  for (const [person, lines] of Object.entries(PEOPLE)) {
    // Each of another place than those that were learned.
    const answer = await identify(client, await photograph(lines, 7.5));
    assert.equal([answer.status, answer.release, answer.person], [200, release, person]);
  }
  const refused = await identify(client, await nobody());
  assert.equal([refused.status, refused.code], [400, 'FACE_NOT_FOUND']);
}

test('nights: with faces the person in a photograph is known and an empty one refused; a rollback takes pictures whole again', () =>
  withFolder(async (home) => {
    for (const [folder, people] of Object.entries({ people: PEOPLE, street: STRANGERS }))
      for (const [person, lines] of Object.entries(people))
        for (let shot = 0; shot < SHOTS; shot++)
          await writeImage(join(home, folder), person, `${shot}.png`, await photograph(lines, shot));
    await withSystem(configOf(home, {}), async (client) => {
      assert.is(await night(client, 'whole'), 'completed');
      await assertWhole(client, 1);
    });
    const detector = join(home, 'detector.onnx');
    await writeFile(detector, markDetector());
    await withSystem(configOf(home, { faces: { detector } }), async (client) => {
      assert.is(await night(client, 'faces'), 'completed');
      await assertFaces(client, 2);
      assert.is(await night(client, 'same'), 'unchanged');
      await writeFile(detector, markDetector('another one'));
      assert.is(await night(client, 'other'), 'completed');
      await assertFaces(client, 3);
      const { deployed } = await rollBack(client.bus, MODEL, 'whole pictures again', 1);
      assert.equal([deployed.release, deployed.origin], [4, { release: 1, runId: 'whole' }]);
      await assertWhole(client, 4);
    });
  }));

test.run();
