/**
 * A data source over a stream into which somebody publishes samples: contracts/sample-streams.ts has the form of a message. The
 * last message of an id counts, and one without a body removes it, so the stream is read twice: the heads of all, then
 * the bodies of those that stay. It knows no NATS; who lends `streams` does.
 */
import { PHOTOGRAPHS_DEFAULT, type JetStreamSourceConfig } from '../../contracts/configuration/sources.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { SampleHead, SampleStream } from '../../contracts/sample-streams.ts';
import { mapInOrder } from '../../runtime/bounded.ts';
import type { DataSource, SourceContext, SourceFault, SourceItem, SourceSample } from './strategy.ts';

/** Bodies asked for at once; the server answers each from its disk. */
const BODIES_AT_ONCE = 8;
/** Heads of so many samples take about 3 GB. */
const SAMPLES_MAX = 10_000_000;
/** As of a page: see http-page.ts. */
const ID_LENGTH_MAX = 256;

/** Throws SOURCE_UNREACHABLE, not retryable if there is no such stream, or SOURCE_INVALID while its samples are read. */
export function createJetStreamSource(options: JetStreamSourceConfig, context: SourceContext = {}): DataSource {
  return { name: options.name, type: 'jetstream', samples: (signal) => readStream(options, context, signal) };
}

async function* readStream(
  options: JetStreamSourceConfig,
  { streams, cache }: SourceContext,
  signal: AbortSignal,
): AsyncGenerator<SourceItem> {
  signal.throwIfAborted();
  if (!streams) throw new Error('nobody lends a connection to the source of a stream');
  const stream = await asked(options, signal, () => streams.open(options.stream));
  if (stream === null) throw unreachable(options, 'there is no such stream; its owner makes it', { retryable: false });
  const { heads, faults } = await headsOf(options, stream, signal);
  const total = heads.length + faults.length;
  for (const fault of faults) yield { ...fault, total };
  const itemOf = (head: SampleHead) => readSample(options, stream, head, cache, signal);
  for await (const item of mapInOrder(heads, BODIES_AT_ONCE, itemOf)) {
    signal.throwIfAborted();
    yield { ...item, total };
  }
  await cache?.sweep();
}

/** In the order in which they were last published. */
async function headsOf(options: JetStreamSourceConfig, stream: SampleStream, signal: AbortSignal) {
  const last = new Map<string, SampleHead>();
  const faults: SourceFault[] = [];
  await asked(options, signal, async () => {
    for await (const head of stream.heads(signal)) {
      const { id, sequence, label, bytes } = head;
      if (id === '' || id.length > ID_LENGTH_MAX) {
        faults.push(incomplete(`message ${sequence}`, label, 'its Nightshift-Id is not there, or too long'));
        continue;
      }
      // Deleted first, because a map keeps the place of what it has.
      last.delete(id);
      if (bytes > 0) last.set(id, head);
      if (last.size + faults.length > SAMPLES_MAX) throw invalid(options, `more than ${SAMPLES_MAX} samples`);
    }
  });
  return { heads: [...last.values()], faults };
}

async function readSample(
  options: JetStreamSourceConfig,
  stream: SampleStream,
  head: SampleHead,
  cache: SourceContext['cache'],
  signal: AbortSignal,
): Promise<SourceSample | SourceFault> {
  const { id, label, tags, sequence, bytes: size } = head;
  const { bytesMax } = options.photographs ?? PHOTOGRAPHS_DEFAULT;
  if (label === '') return incomplete(id, label, 'its Nightshift-Label is not there');
  if (size > bytesMax)
    return { id, label, fault: 'too-large', message: `${id}: ${size} bytes; at most ${bytesMax} are read` };
  const kept = await cache?.find(String(sequence));
  const sample = (bytes: Buffer) => ({ id, label, bytes, ...(tags.length > 0 && { tags }) });
  if (kept?.version === stream.version) return sample(kept.body);
  signal.throwIfAborted();
  const body = await asked(options, signal, () => stream.body(sequence));
  if (body === null) return { id, label, fault: 'unavailable', message: `${id}: its message is gone` };
  await cache?.keep(String(sequence), { version: stream.version, body }, [label]);
  return sample(body);
}

const incomplete = (id: string, label: string, why: string): SourceFault => ({
  ...{ id, label, fault: 'incomplete' },
  message: `${id}: ${why}`,
});

/** Whatever the server or its client say: it may be there later. */
async function asked<T>(options: JetStreamSourceConfig, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof PipelineError) throw cause;
    const why = `${(cause as Error).message}; check that the server runs and that the collector may read it`;
    throw unreachable(options, why, { retryable: true, cause });
  }
}

const whoOf = ({ name, stream }: JetStreamSourceConfig) => `source "${name}", stream ${stream}`;
const unreachable = (
  options: JetStreamSourceConfig,
  why: string,
  more: { readonly retryable: boolean; readonly cause?: unknown },
) => new PipelineError('SOURCE_UNREACHABLE', `${whoOf(options)}: ${why}`, more);
const invalid = (options: JetStreamSourceConfig, why: string) =>
  new PipelineError('SOURCE_INVALID', `${whoOf(options)}: ${why}`);
