/**
 * Every message of a night, as it passes and as the streams keep it: the official SDK of CloudEvents reads it, and it fits the
 * published schema of its kind.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { CloudEvent, HTTP } from 'cloudevents';
import type { MsgHdrs } from 'nats';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EnvelopeSchema, typeOfSubject } from '../../contracts/envelope.ts';
import { parseSubject, type ParsedSubject } from '../../contracts/parse-subject.ts';
import { STREAMS } from '../../contracts/subjects.ts';
import { connectClient } from '../../cli/client.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { managerOf } from '../../infra/messaging/jetstream.ts';
import { startSystem } from '../../main.ts';
import { withFolder } from '../support/folder.ts';
import { runNight } from '../support/nights.ts';
import { MODEL } from '../support/replicas.ts';
import { testLogger } from '../support/server.ts';
import { tinyNightIn } from '../support/tiny-night.ts';

const SCHEMAS = join(import.meta.dirname, '../../docs/schemas');

interface Told {
  readonly subject: string;
  readonly headers: MsgHdrs;
  readonly body: string;
}

function fitsOf(name: string): ValidateFunction {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  return ajv.compile(JSON.parse(readFileSync(join(SCHEMAS, `${name}.schema.json`), 'utf8')) as object);
}
const [events, commands] = [fitsOf('events'), fitsOf('commands')];
const [work, envelopes] = [fitsOf('work'), fitsOf('cloudevent')];

/** Null: no CloudEvent. */
function schemaFor({ family }: ParsedSubject): ValidateFunction | null {
  if (family.endsWith('event')) return events;
  if (family === 'operator-command') return commands;
  if (family === 'command' || family === 'janitor-command' || family === 'sweep-command') return work;
  return ['audit', 'refusal', 'timer'].includes(family) ? envelopes : null;
}

function check({ subject, headers, body }: Told, fits: ValidateFunction): string {
  const plain = Object.fromEntries([...headers].map(([name, values]) => [name, values[0] ?? '']));
  const read = HTTP.toEvent({ headers: plain, body });
  assert.ok(read instanceof CloudEvent && read.validate(), subject);
  const envelope = EnvelopeSchema.parse(JSON.parse(body));
  assert.equal(
    [read.id, read.source, read.type, read.subject],
    [envelope.id, envelope.source, envelope.type, envelope.subject],
  );
  assert.equal(read.data, envelope.data);
  const header = (name: string) => headers.get(name);
  assert.equal([header('ce-type'), header('ce-source')], [read.type, read.source]);
  assert.is(decodeURIComponent(header('ce-id')), read.id);
  // The server takes the id of a timer out when it fires.
  if (header('Nats-Msg-Id')) assert.is(header('Nats-Msg-Id'), read.id);
  assert.ok(fits(JSON.parse(body)), `${subject}: ${JSON.stringify(fits.errors)}`);
  // One that waits says where it will fire.
  if (parseSubject(subject).family === 'timer') return 'timer';
  assert.is(read.subject, subject);
  return typeOfSubject(subject);
}

/** Said in every night that ends well. */
const SAID = [
  'ctl.pipeline.start',
  ...['collect', 'train', 'verify'].flatMap((stage) => [`cmd.${stage}.start`, `evt.${stage}.completed`]),
  ...['replica.prepared', 'replica.switched', 'pipeline.started', 'pipeline.completed', 'model.deployed'].map(
    (fact) => `evt.${fact}`,
  ),
  ...['evt.operator.accepted', 'audit.pipeline.start'],
].map((type) => `nightshift.${type}`);

test('contracts: each message of a night fits its schema, and the official SDK reads it', () =>
  withFolder(async (folder) => {
    const models = { [MODEL]: await tinyNightIn(folder) };
    const nats = { port: 0, storeDir: join(folder, 'store'), insecure: true };
    const system = await startSystem(ConfigSchema.parse({ nats, models }), testLogger());
    const { nc, bus, close } = await connectClient(system.server.url, testLogger());
    try {
      const passed: Told[] = [];
      nc.subscribe('nightshift.>', {
        callback: (_, message) => {
          const { subject, headers } = message;
          if (schemaFor(parseSubject(subject))) passed.push({ subject, headers: headers!, body: message.string() });
        },
      });
      await nc.flush();
      assert.is((await runNight(bus, 'n1')).fact, 'completed');
      const { streams } = await managerOf(nc);
      const { state } = await streams.info(STREAMS.events);
      const types = new Set(passed.map((it) => check(it, schemaFor(parseSubject(it.subject))!)));
      assert.equal(
        SAID.filter((type) => !types.has(type)),
        [],
      );
      let stored = 0;
      for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
        const message = await streams.getMessage(STREAMS.events, { seq });
        if (message === null) continue;
        check({ subject: message.subject, headers: message.header, body: message.string() }, events);
        stored += 1;
      }
      assert.ok(stored >= SAID.filter((type) => type.includes('.evt.')).length);
    } finally {
      await close();
      await system.stop();
    }
  }));

test.run();
