/**
 * Tar shards in WebDataset layout (https://github.com/webdataset/webdataset): per sample `<key>.png`, then
 * `<key>.json` with its SampleRecord. Written and read as streams, one sample in memory at a time. The same samples
 * give the same bytes: times, owners and modes are fixed.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import * as tar from 'tar-stream';
import { PipelineError } from '../../contracts/errors.ts';
import { SampleRecordSchema, type SampleRecord } from '../../contracts/dataset.ts';

export interface ShardSample {
  /** File name without ending, unique in the snapshot; no dots, which end a key in WebDataset. */
  readonly key: string;
  readonly record: SampleRecord;
  readonly png: Buffer;
}

export interface WrittenShard {
  readonly digest: string;
  readonly bytes: number;
}

/** Writes a shard to `path` and says its digest and size. Fails as `samples` fails. */
export async function writeShard(path: string, samples: AsyncIterable<ShardSample>): Promise<WrittenShard> {
  const hash = createHash('sha256');
  let bytes = 0;
  async function* measure(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  }
  const pack = tar.pack();
  // Destroying the pack is what carries a failure of the samples into the pipeline below.
  fill(pack, samples).catch((error: Error) => pack.destroy(error));
  // A pack iterates over its Buffers, which its types leave out.
  await pipeline(measure(pack as unknown as AsyncIterable<Buffer>), createWriteStream(path));
  return { digest: `sha256:${hash.digest('hex')}`, bytes };
}

/** Reads a shard's samples in order. Throws BLOB_CORRUPT, naming `what`, when it is not such a tar. */
export async function* readShard(path: string, what: string): AsyncGenerator<ShardSample> {
  const extract = tar.extract();
  const reading = pipeline(createReadStream(path), extract);
  // A broken file fails the iteration below with the same error.
  reading.catch(() => undefined);
  let image: { key: string; png: Buffer } | null = null;
  try {
    for await (const entry of extract) {
      const [key, ending] = splitName(entry.header.name);
      const content = await buffer(entry);
      if (ending === 'png') image = { key, png: content };
      else if (ending === 'json' && image?.key === key) yield { ...image, record: parseRecord(content) };
      else throw new Error(`the member ${entry.header.name} stands in no pair of .png and .json`);
    }
  } catch (cause) {
    throw new PipelineError('BLOB_CORRUPT', `${what}: not a dataset shard (${(cause as Error).message})`, { cause });
  }
}

async function fill(pack: tar.Pack, samples: AsyncIterable<ShardSample>): Promise<void> {
  for await (const { key, record, png } of samples) {
    await addMember(pack, `${key}.png`, png);
    await addMember(pack, `${key}.json`, Buffer.from(JSON.stringify(record)));
  }
  pack.finalize();
}

/** Resolves when the reader has taken the member, so that no more than one waits in memory. */
function addMember(pack: tar.Pack, name: string, content: Buffer): Promise<void> {
  const header = { name, size: content.length, mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) };
  return new Promise((resolve, reject) => {
    pack.entry(header, content, (error) => (error ? reject(error) : resolve()));
  });
}

function splitName(name: string): [key: string, ending: string] {
  const dot = name.indexOf('.');
  return dot < 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)];
}

const parseRecord = (json: Buffer): SampleRecord => SampleRecordSchema.parse(JSON.parse(json.toString('utf8')));
