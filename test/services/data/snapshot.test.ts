/** The collector's work over sources in memory and a folder of blobs: quarantine, determinism, bounds, endings. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChecksConfigSchema } from '../../../contracts/configuration/checks.ts';
import type { Progress } from '../../../contracts/progress.ts';
import type { DatasetManifest, Quarantined } from '../../../contracts/dataset.ts';
import { createHttpSource } from '../../../services/data/http-source.ts';
import { SAMPLES_HELD_MAX } from '../../../services/data/intake.ts';
import { collectSnapshot, type Snapshot, type SnapshotJob } from '../../../services/data/snapshot.ts';
import type { DataSource, SourceSample } from '../../../services/data/strategy.ts';
import { IMAGE_BYTES_MAX } from '../../../contracts/inference.ts';
import { withFolderBlobs } from '../../support/folder-blobs.ts';
import { loadSplits } from '../../support/load-splits.ts';
import { recordWork } from '../../support/work.ts';
import { cancelled, failureOf, listSource, quietContext, samplesOf, testPng } from '../../support/samples.ts';

const IMAGE = { width: 8, height: 8, channels: 1 } as const;
const NOBODY = { share: 0, min: 0 };
const SPLIT = { strategy: 'content-hash', validation: 0.1, probe: 0.2 } as const;

const collect = (sources: readonly DataSource[], job: Partial<SnapshotJob> = {}): Promise<Snapshot> => {
  let snapshot: Snapshot | undefined;
  const run = withFolderBlobs(async (blobs) => {
    snapshot = await collectSnapshot({
      ...quietContext(),
      sources,
      image: IMAGE,
      split: SPLIT,
      holdOut: NOBODY,
      blobs,
      ...job,
    });
  });
  return run.then(() => {
    if (!snapshot) throw new Error('no snapshot');
    return snapshot;
  });
};

/** The one refused sample among good ones of two people. */
async function quarantineOf(sample: SourceSample): Promise<Quarantined> {
  const good = await samplesOf(['ada', 'ben'], 3);
  const { manifest } = await collect([listSource('auth', [...good, sample])]);
  assert.is(manifest.counts.total, 6);
  assert.is(manifest.quarantinedTotal, 1);
  const [{ grey, ...source }] = manifest.sources as [DatasetManifest['sources'][number]];
  assert.equal(source, { name: 'auth', type: 'list', samples: 6, quarantined: 1, people: 2 });
  assert.ok(grey! > 0 && grey! < 255, `the mean grey value is ${grey}`);
  // Exactly one, as asserted above.
  return manifest.quarantined[0]!;
}

test('collector: the manifest counts people, samples, splits and sources', async () => {
  const { dataset, manifest } = await collect([
    listSource('auth', await samplesOf(['ben', 'ada'], 10)),
    listSource('helper', await samplesOf(['cleo'], 10)),
  ]);
  assert.equal(manifest.labels, ['ada', 'ben', 'cleo']);
  const { train, validation, probe, total } = manifest.counts;
  assert.is(train + validation + probe, total);
  assert.equal(
    manifest.sources.map(({ name, samples }) => [name, samples]),
    [
      ['auth', 20],
      ['helper', 10],
    ],
  );
  assert.equal(
    manifest.shards.map(({ samples }) => samples),
    [20, 10],
  );
  assert.is(dataset.key, `manifests/${dataset.digest.slice(7)}.json`);
  assert.ok(manifest.shards.every(({ blob }) => blob.key === `shards/${blob.digest.slice(7)}.tar`));
});

test('collector: a truncated PNG is quarantined with its reason', async () => {
  const whole = await testPng('whole', 64);
  const refused = await quarantineOf({ id: 'half', label: 'ada', bytes: whole.subarray(0, whole.length / 2) });
  assert.is(refused.reason, 'unreadable');
  assert.match(refused.message, /^auth\/half: /);
});

test('collector: what is no image at all is quarantined as unreadable', async () =>
  assert.is((await quarantineOf({ id: 'x', label: 'ada', bytes: Buffer.from('hello') })).reason, 'unreadable'));

test('collector: a file beyond the size limit is quarantined as too large', async () => {
  const refused = await quarantineOf({ id: 'x', label: 'ada', bytes: Buffer.alloc(IMAGE_BYTES_MAX + 1) });
  assert.is(refused.reason, 'too-large');
});

test('collector: a picture in which nobody can be is quarantined as blank', async () => {
  const create = { width: 40, height: 30, channels: 3, background: 'black' } as const;
  const refused = await quarantineOf({ id: 'x', label: 'ada', bytes: await sharp({ create }).jpeg().toBuffer() });
  assert.equal([refused.reason, refused.label], ['blank', 'ada']);
  assert.match(refused.message, /^auth\/x: one even area/);
});

test('collector: tags that are none are a reason for the quarantine', async () => {
  const refused = await quarantineOf({ id: 'x', label: 'ada', bytes: await testPng('other'), tags: ['a', ''] });
  assert.is(refused.reason, 'invalid-tags');
  assert.match(refused.message, /^auth\/x: a tag is empty/);
});

test('collector: tags are stored with their sample, each once', () =>
  withFolderBlobs(async (blobs) => {
    const [first, ...rest] = await samplesOf(['ada', 'ben'], 2);
    const sources = [listSource('auth', [{ ...first!, tags: ['left', 'dark', 'left'] }, ...rest])];
    const split = { strategy: 'first-n', train: 2 } as const;
    const options = { ...quietContext(), sources, image: IMAGE, split, holdOut: NOBODY, blobs };
    const { manifest } = await collectSnapshot(options);
    const { tags } = await loadSplits(manifest, ['train'], blobs, options.signal);
    assert.equal(tags, [['source: auth', 'left', 'dark'], ...Array(3).fill(['source: auth'])]);
  }));

test('collector: the same bytes under the same label are a duplicate, which names the first', async () => {
  const refused = await quarantineOf({ id: 'again', label: 'ada', bytes: await testPng('ada/1') });
  assert.is(refused.reason, 'duplicate');
  assert.match(refused.message, 'auth/ada/1');
});

test('collector: the same picture saved anew is a duplicate, with other metadata, another compression or format', async () => {
  const png = await testPng('ada/1');
  for (const again of [
    sharp(png)
      .withExif({ IFD0: { Copyright: 'somebody' } })
      .png({ compressionLevel: 9 }),
    sharp(png).webp({ lossless: true }),
    sharp(png).ensureAlpha().png(),
  ])
    assert.is((await quarantineOf({ id: 'again', label: 'ada', bytes: await again.toBuffer() })).reason, 'duplicate');
});

test('collector: the same picture under two names is used for neither, and holds the night, with both names', async () => {
  const claim = { id: 'claim', label: 'ben', bytes: await testPng('ada/1') };
  const sources = [listSource('auth', [...(await samplesOf(['ada', 'ben'], 3)), claim])];
  const { manifest, findings } = await collect(sources, { checks: ChecksConfigSchema.parse({}) });
  assert.equal(
    manifest.quarantined.map(({ id, label, reason }) => [id, label, reason]),
    [
      ['ada/1', 'ada', 'contradictory-label'],
      ['claim', 'ben', 'contradictory-label'],
    ],
  );
  assert.match(
    manifest.quarantined[1]!.message,
    /^auth\/claim: it shows what auth\/ada\/1 shows, which is labelled "ada"/,
  );
  assert.equal(findings, [
    {
      check: 'conflictingNames',
      action: 'hold',
      message: 'the same pictures stand under several names, so none of them is used: "ada" and "ben" (1)',
    },
  ]);
});

test('collector: a name has one form, whatever its spelling, and another spelling is noted', async () => {
  const spelled = { id: 'x', label: ' Ada\u00a0 Lovelace ', bytes: await testPng('other') };
  const sources = [listSource('auth', [...(await samplesOf(['Ada Lovelace', 'ben'], 3)), spelled])];
  const { manifest, findings } = await collect(sources, { checks: ChecksConfigSchema.parse({}) });
  assert.equal([manifest.labels, manifest.quarantinedTotal], [['Ada Lovelace', 'ben'], 0]);
  assert.equal(
    findings.map(({ check, action }) => [check, action]),
    [['similarNames', 'note']],
  );
  assert.match(
    findings[0]!.message,
    /: "Ada Lovelace" and "Ada Lovelace" with the spaces U\+0020 U\+00A0 U\+0020 U\+0020$/,
  );
});

for (const label of ['', '  ', 'x'.repeat(129), 'two\nlines'])
  test(`collector: the label ${JSON.stringify(label.slice(0, 12))} is invalid`, async () => {
    const refused = await quarantineOf({ id: 'x', label, bytes: await testPng('other') });
    assert.is(refused.reason, 'invalid-label');
    assert.ok(refused.label.length <= 128);
  });

test('collector: whichever source is slow, the snapshot is the same', async () => {
  const auth = await samplesOf(['ada', 'ben'], 6);
  const helper = [...(await samplesOf(['cleo'], 6)), { id: 'h', label: 'cleo', bytes: await testPng('ada/2') }];
  const slow = async () => {
    for (let turn = 0; turn < 20; turn++) await setImmediate();
  };
  const slowAuth = await collect([listSource('auth', auth, slow), listSource('helper', helper)]);
  const slowHelper = await collect([listSource('auth', auth), listSource('helper', helper, slow)]);
  assert.equal(slowAuth, slowHelper);
  assert.equal(
    slowAuth.manifest.quarantined.map(({ source, reason }) => [source, reason]),
    [
      ['auth', 'contradictory-label'],
      ['helper', 'contradictory-label'],
    ],
  );
});

test('collector: samples keep their split when data is added on a later night', async () => {
  const split = { strategy: 'first-n', train: 2 } as const;
  const first = await collect([listSource('auth', await samplesOf(['ada', 'ben'], 3))], { split });
  const none = { validation: 0, 'held-out': 0, stranger: 0 };
  assert.equal(first.manifest.counts, { ...none, train: 4, probe: 2, total: 6 });
  const second = await collect([listSource('auth', await samplesOf(['ada', 'ben'], 5))], { split });
  assert.equal(second.manifest.counts, { ...none, train: 4, probe: 6, total: 10 });
});

test('collector: night after night nobody learned is held out, and the same data has the same content', () =>
  withFolderBlobs(async (blobs) => {
    const names = Array.from({ length: 12 }, (_, at) => `person ${at}`);
    const night = async (people: readonly string[], champion: Snapshot | null) => {
      const sources = [listSource('auth', await samplesOf(people, 5))];
      const strangers = [listSource('street', await samplesOf(['eve'], 2))];
      const rest = { image: IMAGE, split: SPLIT, holdOut: { share: 0.2, min: 4 }, blobs };
      return collectSnapshot({
        ...{ ...quietContext(), ...rest },
        ...{ sources, strangers, champion: champion?.dataset ?? null },
      });
    };
    const first = await night(names.slice(0, 9), null);
    const same = await night(names.slice(0, 9), first);
    assert.is(first.manifest.heldOut.length, 3);
    assert.is(same.manifest.content, first.manifest.content);
    assert.equal(same.manifest.learned, first.manifest.learned);
    const later = (await night(names, first)).manifest;
    assert.is.not(later.content, first.manifest.content);
    const learned = new Set(first.manifest.learned!.people);
    assert.is(learned.size, 6);
    assert.is(later.heldOut.length, 4);
    assert.ok(later.heldOut.every((label) => !learned.has(label)));
    assert.equal(
      later.learned!.people,
      later.labels.filter((label) => !later.heldOut.includes(label)),
    );
  }));

test('collector: a champion whose snapshot is gone is said in the log, and people are assigned anew', () =>
  withFolderBlobs(async (blobs) => {
    const work = recordWork();
    const sources = [listSource('auth', await samplesOf(['ada', 'ben', 'cleo'], 4))];
    const job = { sources, image: IMAGE, split: SPLIT, holdOut: { share: 0, min: 1 }, blobs };
    const first = await collectSnapshot({ ...quietContext(), ...job });
    await blobs.remove(first.dataset.bucket, first.dataset.key);
    const again = await collectSnapshot({ ...work, ...job, champion: first.dataset });
    assert.equal(again, first);
    assert.is(work.warnings.length, 1);
    assert.match(work.warnings[0]!.message, /anew: .* is gone/);
  }));

test('collector: of many samples only a bounded number is held at once', async () => {
  const samples = await samplesOf(['ada', 'ben'], 300);
  let given = 0;
  let held = 0;
  const source = listSource('auth', samples, async () => {
    given++;
    held = Math.max(held, given - done);
  });
  let done = 0;
  await collect([source], { progress: (report) => (done = report.done) });
  assert.is(done, 600);
  assert.ok(held <= SAMPLES_HELD_MAX + 1, `${held} samples were held`);
});

test('collector: all sources are read at once, those of strangers too', async () => {
  const waiting: (() => void)[] = [];
  // Nobody goes on before both have begun: read one after the other, this would never end.
  const allBegun = () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length >= 3) for (const release of waiting) release();
    });
  const { manifest } = await collect(
    [
      listSource('auth', await samplesOf(['ada'], 2), allBegun),
      listSource('helper', await samplesOf(['ben'], 2), allBegun),
    ],
    { strangers: [listSource('street', await samplesOf(['eve'], 2), allBegun)] },
  );
  assert.is(manifest.counts.total, 6);
  assert.equal([manifest.labels, manifest.strangers, manifest.counts.stranger], [['ada', 'ben'], ['eve'], 2]);
  assert.equal(
    manifest.sources.map(({ name, samples }) => [name, samples]),
    [
      ['auth', 2],
      ['helper', 2],
      ['street', 2],
    ],
  );
});

test('collector: the manifest lists the first thousand refused samples and counts all', async () => {
  const nameless = Array.from({ length: 1100 }, (_, number) => ({
    id: `n${number}`,
    label: '',
    bytes: Buffer.from(''),
  }));
  const { manifest } = await collect([listSource('auth', [...nameless, ...(await samplesOf(['ada', 'ben'], 2))])]);
  assert.is(manifest.quarantined.length, 1000);
  assert.is(manifest.quarantinedTotal, 1100);
  assert.is(manifest.quarantined[999]?.id, 'n999');
});

test('collector: an empty file is quarantined as unreadable', async () =>
  assert.is((await quarantineOf({ id: 'x', label: 'ada', bytes: Buffer.alloc(0) })).reason, 'unreadable'));

test('collector: progress counts images up to a fraction of one, and never falls', async () => {
  const reports: Progress[] = [];
  const sources = [
    listSource('auth', await samplesOf(['ada'], 20)),
    listSource('helper', await samplesOf(['ben'], 30)),
  ];
  await collect(sources, { progress: (report) => reports.push(report) });
  assert.equal(reports.at(-1), { fraction: 1, done: 50, total: 50, unit: 'image', figures: { quarantined: 0 } });
  const fractions = reports.map(({ fraction }) => fraction);
  assert.equal(
    fractions,
    [...fractions].sort((a, b) => a - b),
  );
});

test('collector: one source that is down fails the collection, stops the other and is named', async () => {
  let stopped = false;
  const endless: DataSource = {
    name: 'helper',
    type: 'list',
    async *samples(signal) {
      for (let number = 0; !signal.aborted; number++)
        yield { id: String(number), label: 'ada', bytes: await testPng(`endless-${number}`) };
      stopped = true;
      signal.throwIfAborted();
    },
  };
  const down = createHttpSource({
    name: 'auth',
    url: 'http://127.0.0.1:1/',
    pageSize: 50,
    timeoutMs: 5000,
    attemptsMax: 1,
  });
  const failure = await failureOf(collect([endless, down]));
  assert.is(failure.code, 'SOURCE_UNREACHABLE');
  assert.ok(failure.retryable);
  assert.match(failure.message, /source "auth" at http:\/\/127\.0\.0\.1:1, page 1:/);
  assert.ok(stopped);
});

test('collector: one person is too few to train on, and the message counts what was refused', async () => {
  const broken = { id: 'b', label: 'ben', bytes: Buffer.from('no image') };
  const failure = await failureOf(collect([listSource('auth', [...(await samplesOf(['ada'], 3)), broken])]));
  assert.is(failure.code, 'DATASET_TOO_SMALL');
  assert.not(failure.retryable);
  assert.match(failure.message, /3 usable samples of 1 people, .* 1 in quarantine, the first: auth\/b/);
});

test('collector: no sample at all is too few', async () =>
  assert.is((await failureOf(collect([listSource('auth', [])]))).code, 'DATASET_TOO_SMALL'));

test('collector: an abort ends the collection with its reason and leaves no temporary files', () =>
  withOwnTemporaryFolder(async (folder) => {
    const controller = new AbortController();
    const source = listSource('auth', await samplesOf(['ada', 'ben'], 100));
    let last = 0;
    const progress = ({ done }: Progress) => {
      last = done;
      if (done === 20) controller.abort(cancelled());
    };
    const failure = await failureOf(collect([source], { signal: controller.signal, progress }));
    assert.is(failure.code, 'CANCELLED');
    assert.ok(last < 40, `it went on to ${last}`);
    assert.equal(await readdir(folder), []);
  }));

test('collector: a second attempt finds the shards of the first and stores none again', () =>
  withFolderBlobs(async (blobs) => {
    const job = {
      ...quietContext(),
      image: IMAGE,
      split: SPLIT,
      holdOut: NOBODY,
      sources: [listSource('auth', await samplesOf(['ada', 'ben'], 5))],
    };
    const first = await collectSnapshot({ ...job, blobs });
    const keys: string[] = [];
    const put: typeof blobs.put = (bucket, key, content) => (keys.push(key), blobs.put(bucket, key, content));
    assert.equal(await collectSnapshot({ ...job, blobs: { ...blobs, put } }), first);
    assert.equal(keys, []);
  }));

/** Other processes use the usual temporary folder at the same time. */
async function withOwnTemporaryFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const usual = tmpdir();
  const folder = await mkdtemp(join(usual, 'nightshift-own-'));
  process.env['TMPDIR'] = folder;
  try {
    await use(folder);
  } finally {
    process.env['TMPDIR'] = usual;
    await rm(folder, { recursive: true, force: true });
  }
}

test.run();
