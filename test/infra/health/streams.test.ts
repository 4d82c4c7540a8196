/** The findings on streams: a server as it should be, one that lacks a stream, and what no test server gets into. */
import type { StreamInfo } from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { STREAMS } from '../../../contracts/subjects.ts';
import { examineStreams, streamFindings } from '../../../infra/health/streams.ts';
import { managerOf } from '../../../infra/messaging/jetstream.ts';
import { streamsOf } from '../../../infra/topology/streams.ts';
import { withServer } from '../../support/server.ts';

const DAY_MS = 24 * 3600_000;
const NOW_MS = Date.parse('2026-11-26T12:00:00Z');
const spec = (name: string, replicas = 1) => streamsOf({ replicas }).find((it) => it.name === name)!;

test('doctor: streams as setup makes them are in order, and one that is gone is named with the way out', () =>
  withServer(async ({ connect }) => {
    const nc = await connect();
    assert.equal(await examineStreams(nc, 1, Date.now()), []);
    await (await managerOf(nc)).streams.delete(STREAMS.ctl);
    const [missing, ...others] = await examineStreams(nc, 1, Date.now());
    assert.equal([missing?.id, missing?.severity, others], ['stream.missing', 'error', []]);
    assert.match(missing!.sentence, new RegExp(`no stream ${STREAMS.ctl}$`));
    assert.match(missing!.mend, /nightshift setup/);
  }));

interface Kept {
  readonly config?: object;
  readonly state?: object;
  readonly cluster?: object;
}

const idsOf = (name: string, { config, state, cluster }: Kept, replicas = 1) => {
  const full = { messages: 1, bytes: 0, first_ts: new Date(NOW_MS).toISOString(), ...state };
  const info = { config: { ...spec(name), ...config }, state: full, cluster } as unknown as StreamInfo;
  return streamFindings(spec(name, replicas), { kind: 'there', info }, NOW_MS).map(
    ({ id, severity }) => `${severity} ${id}`,
  );
};

test('doctor: a queue that fills up is a warning, a full one an error; a log that drops its oldest says how far it reaches', () => {
  const { max_bytes: most = 0 } = spec(STREAMS.commands);
  assert.equal(idsOf(STREAMS.commands, { state: { bytes: most * 0.8 } }), []);
  assert.equal(idsOf(STREAMS.commands, { state: { bytes: most * 0.95 } }), ['warning stream.full']);
  assert.equal(idsOf(STREAMS.commands, { state: { bytes: most } }), ['error stream.full']);
  assert.equal(idsOf(STREAMS.events, { state: { bytes: spec(STREAMS.events).max_bytes } }), ['warning stream.short']);
});

test('doctor: a message that should be gone by its age is told', () => {
  const first = (days: number) => ({ state: { first_ts: new Date(NOW_MS - days * DAY_MS).toISOString() } });
  const config = { max_age: nanos(30 * DAY_MS) };
  assert.equal(idsOf(STREAMS.events, { config, ...first(30.5) }), []);
  assert.equal(idsOf(STREAMS.events, { config, ...first(32) }), ['warning stream.old']);
});

test('doctor: too few copies, a copy that is away or behind, and no leader are told apart', () => {
  const peer = (more: object) => ({ name: 'n2', current: true, active: 0, ...more });
  const r3 = { num_replicas: 3 };
  assert.equal(idsOf(STREAMS.ctl, { config: r3, cluster: { leader: 'n1', replicas: [peer({})] } }, 3), []);
  assert.equal(idsOf(STREAMS.ctl, { cluster: { leader: 'n1', replicas: [] } }, 3), ['warning stream.copies']);
  const away = { leader: 'n1', replicas: [peer({ offline: true, current: false })] };
  assert.equal(idsOf(STREAMS.ctl, { config: r3, cluster: away }, 3), ['warning stream.copy']);
  assert.equal(idsOf(STREAMS.ctl, { config: r3, cluster: { replicas: [] } }, 3), ['error stream.leader']);
});

test('doctor: a stream that does not answer is an error, one that may not be read is none', () => {
  const [silent] = streamFindings(spec(STREAMS.ctl), { kind: 'silent', why: 'timeout' }, NOW_MS);
  assert.is(silent?.severity, 'error');
  assert.equal(streamFindings(spec(STREAMS.ctl), { kind: 'denied' }, NOW_MS), []);
});

test.run();
