/**
 * The duties of every DataSource. `withSource` lends a source that holds exactly the given samples, whose ids it may
 * choose itself; `withAbsent` one whose data cannot be reached. The caller runs `test.run()`.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PHOTOGRAPHS_DEFAULT } from '../../../contracts/configuration/sources.ts';
import { withScaledPhotographs } from '../../../services/data/photograph.ts';
import { openSourceCache, type SourceCache } from '../../../services/data/source-cache.ts';
import type { DataSource, SourceContext, SourceItem, SourceSample } from '../../../services/data/strategy.ts';
import { withFolder } from '../../support/folder.ts';
import { cancelled, failureOf, samplesOf, testPng } from '../../support/samples.ts';

type Use = (source: DataSource) => Promise<void>;

export interface DataSourceSubject {
  readonly type: string;
  readonly withSource: (samples: readonly SourceSample[], use: Use) => Promise<void>;
  readonly withAbsent: (use: Use) => Promise<void>;
  /** Whether what is absent now may be there later without anybody acting. */
  readonly absenceRetryable: boolean;
  /** Whether a sample keeps the tags with which it is given. */
  readonly hasTags?: true;
  /** As `withSource`, beside one item that cannot be had. Absent: the source is one's own, and ends there. */
  readonly withBroken?: (samples: readonly SourceSample[], use: Use) => Promise<void>;
  /** Of a source whose samples go over a wire. */
  readonly withStore?: (samples: readonly SourceSample[], use: (store: SourceStore) => Promise<void>) => Promise<void>;
  /** Its store can be changed, and then sends what changed. */
  readonly hasIncrements?: true;
  /** In the names of the tests; absent: the type. */
  readonly title?: string;
}

/** The same samples for several readings. */
export interface SourceStore {
  open(context: SourceContext): DataSource;
  /** How many samples, or parts of them, went over the wire so far. */
  sent(): number;
  /** Of a source that offers increments: from now on it has these samples. */
  change?(samples: readonly SourceSample[]): void;
}

/** Some pages of the http source, and more than nine shots, so that natural order shows. */
const SHOTS = 11;
/** A dozen scripts, one of them with a joiner; all in the form in which they are compared. */
const NAMES = [
  ...['Zoë Łukasz', "D'Arcy-O’Neil", 'Ада Лавлейс', 'Αθηνά', '田中 花子', '김민지', 'मीरा', 'נועה', 'ليلى'],
  ...['می\u200cنا', 'สมชาย', 'Թամար', 'ნინო'],
];

export function dataSourceConformance(subject: DataSourceSubject): void {
  const check = (what: string, run: () => Promise<void>) =>
    test(`${subject.title ?? subject.type} source: ${what}`, run);

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

  check('a name in any script, and with blanks inside, arrives as it is', async () => {
    const samples = await samplesOf(NAMES, 1);
    await subject.withSource(samples, async (source) => {
      const read = await readAll(source);
      assert.equal(read.map(labelAndBytes).sort(), samples.map(labelAndBytes).sort());
    });
  });

  if (subject.hasTags)
    check('a sample keeps its tags', async () => {
      const [first, ...rest] = await samplesOf(['ada', 'ben'], 2);
      const tags = ['light: left', 'dark'];
      await subject.withSource([{ ...first!, tags }, ...rest], async (source) => {
        const read = await readAll(source);
        const found = read.find(({ bytes }) => bytes.equals(first!.bytes));
        assert.equal(found?.tags, tags);
        assert.ok(read.every((sample) => sample === found || (sample.tags ?? []).length === 0));
      });
    });

  const { withBroken, withStore } = subject;
  if (withBroken)
    check('one bad item is one bad item, and is named', async () => {
      const samples = await samplesOf(['ada', 'ben'], SHOTS);
      await withBroken(samples, async (source) => {
        const items = await readItems(source);
        const faults = items.filter((item) => 'fault' in item);
        assert.is(faults.length, 1);
        assert.ok(faults[0]!.message.startsWith(faults[0]!.id), faults[0]!.message);
        assert.equal(
          items
            .filter((item) => 'bytes' in item)
            .map(labelAndBytes)
            .sort(),
          samples.map(labelAndBytes).sort(),
        );
      });
    });

  check('a sample that is larger than is read is one bad item', async () => {
    const samples = await samplesOf(['ada', 'ben'], 2);
    const large = { id: 'ada/9', label: 'ada', bytes: await testPng('large', 60) };
    await subject.withSource([...samples, large], async (source) => {
      const limits = { ...PHOTOGRAPHS_DEFAULT, bytesMax: 2_000 };
      assert.ok(large.bytes.length > limits.bytesMax);
      const items = await readItems(withScaledPhotographs(source, limits));
      assert.equal(
        items.flatMap((item) => ('fault' in item ? [item.fault] : [])),
        ['too-large'],
      );
      assert.is(items.filter((item) => 'bytes' in item).length, samples.length);
    });
  });

  if (withStore) {
    const withCache = (use: (cache: () => Promise<SourceCache>) => Promise<void>) =>
      withFolder((folder) =>
        use(() => openSourceCache({ folder, source: subject.type, bytesMax: 1e9, isForgotten: () => false })),
      );

    check('of an unchanged night no sample goes over the wire again', async () => {
      const samples = await samplesOf(['ada', 'ben'], SHOTS);
      await withCache((cache) =>
        withStore(samples, async (store) => {
          const first = await readAll(store.open({ cache: await cache() }));
          const sent = store.sent();
          assert.is(sent, samples.length);
          assert.equal(await readAll(store.open({ cache: await cache() })), first);
          assert.is(store.sent(), sent);
        }),
      );
    });

    check('a reading that was interrupted is gone on with, and ends with the same samples', async () => {
      const samples = await samplesOf(['ada', 'ben'], SHOTS);
      await withCache((cache) =>
        withStore(samples, async (store) => {
          const controller = new AbortController();
          let count = 0;
          const reading = async () => {
            for await (const item of store.open({ cache: await cache() }).samples(controller.signal))
              if ('bytes' in item && ++count === SHOTS) controller.abort(cancelled());
          };
          assert.is((await failureOf(reading())).code, 'CANCELLED');
          const before = store.sent();
          const read = await readAll(store.open({ cache: await cache() }));
          assert.equal(read.map(labelAndBytes).sort(), samples.map(labelAndBytes).sort());
          assert.ok(store.sent() - before <= samples.length - SHOTS, `${store.sent() - before} were sent again`);
        }),
      );
    });
  }

  if (withStore && subject.hasIncrements)
    check(
      'of a changed night what changed goes over the wire, and the samples are those of a whole reading',
      async () => {
        const samples = await samplesOf(['ada', 'ben', 'cleo'], SHOTS);
        await withFolder((folder) =>
          withStore(samples, async (store) => {
            const read = async () =>
              readAll(
                store.open({
                  cache: await openSourceCache({
                    folder,
                    source: subject.type,
                    bytesMax: 1e9,
                    isForgotten: () => false,
                  }),
                }),
              );
            await read();
            let [now, sent] = [samples, store.sent()];
            // Changes over several nights, upon one another: one leaves, one comes, one has another picture, one another name.
            for (const night of [1, 2, 3]) {
              const fresh = { id: `dara/${night}`, label: 'dara', bytes: await testPng(`dara ${night}`) };
              now = [...now.slice(1, -1), { ...now.at(-1)!, bytes: fresh.bytes.subarray(0) }, fresh];
              now = now.map((sample, at) => (at === night ? { ...sample, label: 'emil' } : sample));
              store.change!(now);
              const whole = now.map(labelAndBytes).sort();
              assert.equal((await read()).map(labelAndBytes).sort(), whole);
              assert.ok(store.sent() - sent <= 3, `${store.sent() - sent} were sent in night ${night}`);
              sent = store.sent();
            }
          }),
        );
      },
    );

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
