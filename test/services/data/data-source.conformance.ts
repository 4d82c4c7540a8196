/**
 * The duties of every DataSource. `withSource` lends a source that holds exactly the given samples, whose ids it may
 * choose itself; `withAbsent` one whose data cannot be reached. The caller runs `test.run()`.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DataSource, SourceItem, SourceSample } from '../../../services/data/strategy.ts';
import { cancelled, failureOf, samplesOf } from '../../support/samples.ts';

type Use = (source: DataSource) => Promise<void>;

export interface DataSourceSubject {
  readonly type: string;
  readonly withSource: (samples: readonly SourceSample[], use: Use) => Promise<void>;
  readonly withAbsent: (use: Use) => Promise<void>;
  /** Whether what is absent now may be there later without anybody acting. */
  readonly absenceRetryable: boolean;
}

/** Some pages of the http source, and more than nine shots, so that natural order shows. */
const SHOTS = 11;

export function dataSourceConformance(subject: DataSourceSubject): void {
  const check = (what: string, run: () => Promise<void>) => test(`${subject.type} source: ${what}`, run);

  check('every sample arrives once, with its label and bytes, and says how many there are', async () => {
    const samples = await samplesOf(['ada', 'ben', 'cleo'], SHOTS);
    await subject.withSource(samples, async (source) => {
      const read = await readAll(source);
      assert.equal(read.map(labelAndBytes).sort(), samples.map(labelAndBytes).sort());
      assert.is(new Set(read.map(({ id }) => id)).size, samples.length, 'ids are unique');
      assert.ok(read.every(({ total }) => total === samples.length));
      assert.is(source.type, subject.type);
    });
  });

  check('a second reading gives the same samples in the same order', async () => {
    await subject.withSource(await samplesOf(['ada', 'ben'], SHOTS), async (source) => {
      assert.equal(await readAll(source), await readAll(source));
    });
  });

  check('an empty source has no samples and is no error', () =>
    subject.withSource([], async (source) => assert.equal(await readAll(source), [])),
  );

  check('an abort ends the reading with its reason', async () => {
    await subject.withSource(await samplesOf(['ada', 'ben'], SHOTS), async (source) => {
      const controller = new AbortController();
      const read: SourceItem[] = [];
      const reading = async () => {
        for await (const sample of source.samples(controller.signal)) {
          read.push(sample);
          if (read.length === 3) controller.abort(cancelled());
        }
      };
      assert.is((await failureOf(reading())).code, 'CANCELLED');
      assert.ok(read.length < 2 * SHOTS, 'it ended early');
    });
  });

  check('a signal that is aborted already reads nothing', async () => {
    await subject.withSource(await samplesOf(['ada'], 2), async (source) => {
      assert.is((await failureOf(readAll(source, AbortSignal.abort(cancelled())))).code, 'CANCELLED');
    });
  });

  check('data that cannot be reached is SOURCE_UNREACHABLE, naming the source', () =>
    subject.withAbsent(async (source) => {
      const failure = await failureOf(readAll(source));
      assert.is(failure.code, 'SOURCE_UNREACHABLE');
      assert.is(failure.retryable, subject.absenceRetryable);
      assert.match(failure.message, source.name);
    }),
  );
}

/** Its samples; `readItems` gives all that it says. */
export async function readAll(source: DataSource, signal?: AbortSignal): Promise<SourceSample[]> {
  return (await readItems(source, signal)).filter((item) => 'bytes' in item);
}

export async function readItems(source: DataSource, signal = new AbortController().signal): Promise<SourceItem[]> {
  const items: SourceItem[] = [];
  for await (const item of source.samples(signal)) items.push(item);
  return items;
}

const labelAndBytes = ({ label, bytes }: SourceSample) => `${label} ${bytes.toString('base64')}`;
