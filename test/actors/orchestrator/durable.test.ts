/** The steps by which records move, over a real store: broken off at each place, and by two processes at once. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { decide, oneByOne, settle, type Attempts, type Durable } from '../../../actors/orchestrator/durable.ts';
import { BUCKETS } from '../../../contracts/subjects.ts';
import { createRecordStore, openKv, type RecordStore } from '../../../infra/stores/record-store.ts';
import { withServer } from '../../support/server.ts';

/** Counts messages; each message has one effect, known by its id. */
const CountSchema = z.object({ seen: z.array(z.string()), outbox: z.array(z.string()) });
type Count = z.infer<typeof CountSchema>;

const PLACES = ['loaded', 'decided', 'saved', 'carried out', 'settled'] as const;
type Place = (typeof PLACES)[number];
class BrokenOff extends Error {}

interface World {
  readonly store: RecordStore<Count>;
  /** Ids of what was carried out, in order, repetitions too. */
  readonly effects: string[];
  writes: number;
}

/** `at`: where it is broken off, as by a crash. */
function countOf(world: World, at: Place | null = null): Durable<Count> {
  const pass = (place: Place) => {
    if (place === at) throw new BrokenOff(place);
  };
  return {
    load: async () => {
      const stored = await world.store.load('count');
      pass('loaded');
      return stored ?? { value: { seen: [], outbox: [] }, revision: 0 };
    },
    save: (count, expectedRevision) => {
      world.writes++;
      return world.store.save('count', count, expectedRevision);
    },
    carryOut: async (count) => {
      world.effects.push(...count.outbox);
      pass('carried out');
      return { ...count, outbox: [] };
    },
    points: { decided: () => pass('decided'), saved: () => pass('saved'), settled: () => pass('settled') },
  };
}

const counting = (id: string) => (count: Count) =>
  count.seen.includes(id) ? null : { seen: [...count.seen, id], outbox: [id] };

async function deliver(count: Durable<Count>, id: string): Promise<void> {
  await settle(count, await decide(count, counting(id)));
}

async function breakOff(world: World, place: Place, id: string): Promise<void> {
  const delivered = deliver(countOf(world, place), id).then(() => null);
  const error = await delivered.catch((reason: unknown) => reason);
  assert.instance(error, BrokenOff);
}

const withWorld = (use: (world: World, another: () => Promise<World>) => Promise<void>) =>
  withServer(async ({ connect }) => {
    const effects: string[] = [];
    const another = async (): Promise<World> => {
      const kv = await openKv(await connect(), BUCKETS.schedules);
      return { store: createRecordStore({ kv, schema: CountSchema }), effects, writes: 0 };
    };
    await use(await another(), another);
  });

test('durable: a message is decided, saved, carried out and settled in two writes; once more in none', () =>
  withWorld(async (world) => {
    await deliver(countOf(world), 'm1');
    assert.is(world.writes, 2);
    await deliver(countOf(world), 'm1');
    assert.is(world.writes, 2);
    assert.equal(world.effects, ['m1']);
  }));

for (const place of PLACES) {
  test(`durable: broken off when ${place}, it comes to the same end at the next delivery`, () =>
    withWorld(async (world) => {
      await deliver(countOf(world), 'm1');
      await breakOff(world, place, 'm2');
      await deliver(countOf(world), 'm2');
      assert.equal((await world.store.load('count'))?.value, { seen: ['m1', 'm2'], outbox: [] });
      assert.equal([...new Set(world.effects)], ['m1', 'm2']);
    }));
}

test('durable: a leftover outbox is carried out before the next message is decided', () =>
  withWorld(async (world) => {
    await breakOff(world, 'saved', 'm1');
    await deliver(countOf(world), 'm2');
    assert.equal(world.effects, ['m1', 'm2']);
  }));

test('durable: two processes at one record both get their messages in, and each has its effect', () =>
  withWorld(async (world, another) => {
    const other = await another();
    const ids = Array.from({ length: 10 }, (_, index) => `m${index}`);
    const all = [world, other].flatMap((one, process) => {
      const attempts: Attempts = new Map();
      return ids.map((id) => oneByOne(attempts, 'count', () => deliver(countOf(one), `${process}.${id}`)));
    });
    await Promise.all(all);
    const { seen, outbox } = (await world.store.load('count'))!.value; // It was saved.
    assert.is(seen.length, 2 * ids.length);
    assert.equal([...new Set(world.effects)].sort(), [...seen].sort());
    assert.equal(outbox, []);
  }));

test.run();
