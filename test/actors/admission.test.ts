/** A worker on somebody else's server: held back until its file fits to what is applied there, and heard of meanwhile. */
import { randomUUID } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import pino from 'pino';
import { admitted } from '../../actors/admission.ts';
import { HeldBackSchema, type HeldBack } from '../../contracts/configuration/record.ts';
import { heldBackSubject } from '../../contracts/subjects.ts';
import { createBus } from '../../infra/messaging/bus.ts';
import { openConfigs, openSeenConfigs } from '../../infra/stores/config-store.ts';
import { configure } from '../support/configured.ts';
import { definitionsOf } from '../support/local.ts';
import { withServer, type TestServer } from '../support/server.ts';
import { until } from '../support/wait.ts';

const face = { sources: [{ type: 'directory', name: 'auth', path: '/faces' }] };
const others = { sources: [{ type: 'directory', name: 'auth', path: '/synthetic' }] };

async function rigOf({ connect }: TestServer) {
  const nc = await connect();
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const bus = await createBus({ nc, source: 'collector', log, now: () => new Date(), newId: randomUUID });
  const heard: HeldBack[] = [];
  bus.listen(heldBackSubject('*', '*'), ({ envelope }) => void heard.push(HeldBackSchema.parse(envelope.data)));
  const events: string[] = [];
  const start = async () => {
    events.push('start');
    return { stop: async () => void events.push('stop') };
  };
  const configs = await openSeenConfigs(nc);
  const admission = { ...{ actor: 'collector', stage: 'collect' as const, file: 'own.json' }, configs, bus, log };
  const apply = async (pipeline: object) => {
    const local = definitionsOf({ face: pipeline });
    await configure(await openConfigs(nc), local.pipelines, local.writtenOut);
  };
  return {
    lines,
    heard,
    events,
    start,
    apply,
    admit: (own: Readonly<Record<string, object>>) => admitted({ ...admission, local: definitionsOf(own) }, start),
  };
}

test('admission: a file that fits is let in at once', () =>
  withServer(async (server) => {
    const { apply, admit, events, heard } = await rigOf(server);
    await apply(face);
    const worker = await admit({ face });
    assert.equal([events, heard], [['start'], []]);
    await worker.stop();
    assert.equal(events, ['start', 'stop']);
  }));

test('admission: without a configuration it waits, and takes work as soon as its file is the one that is applied', () =>
  withServer(async (server) => {
    const { apply, admit, events, lines, heard } = await rigOf(server);
    const worker = await admit({ face });
    assert.match(lines.join(''), /collector waits and takes no work: no model is configured .*apply -f own\.json/);
    await apply(others);
    await until(() => heard.length === 2, 'word of the other file');
    assert.match(`${heard[1]?.problems.join()}`, /^models\.face\.sources\.auth is another in this file/);
    assert.equal(events, []);
    await apply(face);
    await until(() => events.includes('start'), 'the worker to be let in');
    await worker.stop();
    assert.equal(events, ['start', 'stop']);
  }));

test('admission: one that waits ends at once when it is stopped, and never starts', () =>
  withServer(async (server) => {
    const { apply, admit, events } = await rigOf(server);
    await apply(face);
    const worker = await admit({});
    await worker.stop();
    assert.equal(events, []);
  }));

test.run();
