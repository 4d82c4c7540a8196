/** The jetstream source over a stream on a real server: the conformance suite, and what its messages say. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SampleStreams } from '../../../contracts/sample-streams.ts';
import { createSampleStreams } from '../../../infra/stores/sample-streams.ts';
import { createJetStreamSource } from '../../../services/data/jetstream-source.ts';
import type { SourceContext, SourceSample } from '../../../services/data/strategy.ts';
import { makeSampleStream, type Published } from '../../support/sample-stream.ts';
import { failureOf } from '../../support/samples.ts';
import { withBareServer } from '../../support/server.ts';
import { dataSourceConformance, readAll, readItems } from './data-source.conformance.ts';

interface Lent {
  open(context?: SourceContext): ReturnType<typeof createJetStreamSource>;
  publish(message: Published): Promise<number>;
  remove(sequence: number): Promise<unknown>;
  sent(): number;
}

const sourceOf = (streams: SampleStreams, stream = 'BADGES', context: SourceContext = {}) =>
  createJetStreamSource({ type: 'jetstream', name: 'badges', stream }, { streams, ...context });

const withStream = (messages: readonly Published[], use: (lent: Lent) => Promise<void>) =>
  withBareServer(async ({ connect }) => {
    const nc = await connect();
    const owner = await makeSampleStream(nc, 'BADGES');
    for (const message of messages) await owner.publish(message);
    let sent = 0;
    const streams: SampleStreams = {
      open: async (name) => {
        const stream = await createSampleStreams(nc).open(name);
        const body = (sequence: number) => {
          sent += 1;
          return stream!.body(sequence);
        };
        return stream && { ...stream, body };
      },
    };
    await use({ ...owner, open: (context) => sourceOf(streams, 'BADGES', context), sent: () => sent });
  });

const messagesOf = (samples: readonly SourceSample[]): Published[] =>
  samples.map(({ id, label, bytes, tags }) => ({ id, label, bytes, tags }));

dataSourceConformance({
  type: 'jetstream',
  withSource: (samples, use) => withStream(messagesOf(samples), (lent) => use(lent.open())),
  withAbsent: (use) =>
    withBareServer(async ({ connect }) => use(sourceOf(createSampleStreams(await connect()), 'NONE'))),
  absenceRetryable: false,
  hasTags: true,
  withBroken: (samples, use) =>
    withStream([{ id: 'x', bytes: Buffer.from('of nobody') }, ...messagesOf(samples)], (lent) => use(lent.open())),
  withStore: (samples, use) => withStream(messagesOf(samples), use),
});

test('jetstream source: the last message of an id counts, and one without a body removes it', () => {
  const message = (id: string, label: string, text?: string) => ({
    id,
    label,
    ...(text && { bytes: Buffer.from(text) }),
  });
  const messages = [
    message('a', 'ada', 'old'),
    message('b', 'ben', 'ben'),
    message('c', 'cleo', 'cleo'),
    message('a', 'Ada', 'new'),
    message('b', ''),
    message('d', 'dora', 'dora'),
    message('d', ''),
    message('d', 'dora', 'again'),
    { label: 'eve', bytes: Buffer.from('without an id') },
  ];
  return withStream(messages, async ({ open }) => {
    const items = await readItems(open());
    assert.equal(
      items.map((it) =>
        'bytes' in it ? `${it.id} ${it.label} ${it.bytes.toString()}` : 'fault' in it ? it.message : '',
      ),
      ['message 9: its Nightshift-Id is not there, or too long', 'c cleo cleo', 'a Ada new', 'd dora again'],
    );
    assert.ok(items.every((it) => 'total' in it && it.total === 4));
  });
});

test('jetstream source: a message that is deleted while it is read is one bad item', () =>
  withStream([{ id: 'a', label: 'ada', bytes: Buffer.from('x') }], async ({ open, remove }) => {
    const source = open({
      cache: {
        // Between the heads and the body.
        find: async () => {
          await remove(1);
          return null;
        },
        ...{ keep: async () => undefined, sweep: async () => undefined },
      },
    });
    const [item] = await readItems(source);
    assert.ok(item && 'fault' in item && item.fault === 'unavailable');
  }));

test('jetstream source: a server that does not answer is one that may answer later', async () => {
  const streams: SampleStreams = { open: () => Promise.reject(new Error('timeout')) };
  const failure = await failureOf(readAll(sourceOf(streams)));
  assert.equal([failure.code, failure.retryable], ['SOURCE_UNREACHABLE', true]);
  assert.match(failure.message, /^source "badges", stream BADGES: timeout/);
});

test.run();
