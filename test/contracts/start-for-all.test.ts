import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { refusedInStart, StartSchemas, type StartCommand } from '../../contracts/messages.ts';
import { KNOWN, startForAll, withoutYoung } from '../../contracts/start-for-all.ts';
import { WORK_STAGES } from '../../contracts/subjects.ts';
import { blobRef, pipelineConfig } from '../support/runs.ts';

const Schema = z.strictObject({
  old: z.number(),
  young: z.number().default(7),
  section: z.strictObject({ old: z.string().default('a'), young: z.string().default('b') }).prefault({}),
  needed: z.string().optional(),
});
const KNOWN_HERE = { old: true, section: { old: true } } as const;
const WHOLE = { old: 1, young: 7, section: { old: 'a', young: 'b' } };

test('start for all: a younger setting is left out where its absence says the same, at any depth', () => {
  assert.equal(withoutYoung(WHOLE, Schema, KNOWN_HERE), { old: 1, section: { old: 'a' } });
  assert.equal(withoutYoung({ ...WHOLE, young: 8 }, Schema, KNOWN_HERE), { old: 1, young: 8, section: { old: 'a' } });
  const needed = { ...WHOLE, needed: 'x' };
  assert.equal(withoutYoung(needed, Schema, KNOWN_HERE), { old: 1, section: { old: 'a' }, needed: 'x' });
});

test('start for all: what is known already is sent as it is, also where it is the default', () => {
  const data = { old: 1, section: { old: 'a' } };
  assert.is(withoutYoung(data, Schema, KNOWN_HERE), data);
});

test('start for all: an answer is remembered for the sections that it is about, whatever else the command carries', () => {
  let read = 0;
  const counted = { parse: (data: unknown) => ((read += 1), Schema.parse(data)) };
  const known = { ...KNOWN_HERE };
  const first = withoutYoung(WHOLE, counted, known);
  const readOnce = read;
  assert.equal(withoutYoung({ ...WHOLE, old: 2 }, counted, known), { ...(first as object), old: 2 });
  assert.is(read, readOnce);
  assert.equal(withoutYoung({ ...WHOLE, young: 8 }, counted, known), { ...(first as object), young: 8 });
  assert.ok(read > readOnce);
});

const pipeline = pipelineConfig();
const RUN = { runId: 'r1', model: 'face', champion: null };
const [dataset, candidate] = [blobRef('DATASETS', 'd'), blobRef('MODELS', 'm')];
const { noun, verification, decision, training } = pipeline;
const STARTS: { readonly [N in (typeof WORK_STAGES)[number]]: StartCommand<N> } = {
  collect: StartSchemas.collect.parse({ ...RUN, pipeline: collected() }),
  train: { ...RUN, dataset, training },
  verify: { ...RUN, dataset, candidate, noun, verification, decision, history: [], refit: false },
};

function collected() {
  const { sources, strangers, image, faces, split, checks } = pipeline;
  return { noun, sources, strangers, image, faces, split, checks, decision };
}

test('start for all: a command means to a worker of this version what it meant before', () => {
  for (const stage of WORK_STAGES) {
    const schema = StartSchemas[stage];
    assert.equal(schema.parse(startForAll(stage, STARTS[stage])), schema.parse(STARTS[stage]), stage);
  }
});

test('start for all: each setting of the oldest version is still one, so that an orchestrator of then is obeyed', () => {
  for (const stage of WORK_STAGES) assert.equal(refusedInStart(stage, leavesOf(KNOWN[stage])), [], stage);
});

/** Values do not matter: paths alone are looked at, and names are left to their own tests. */
function leavesOf(known: object): object {
  const entries = Object.entries(known as Record<string, object | true>);
  return Object.fromEntries(entries.map(([field, below]) => [field, below === true ? nameAt(field) : leavesOf(below)]));
}
const nameAt = (field: string) => (field === 'sources' || field === 'strangers' ? [] : { local: 'a' });

test.run();
