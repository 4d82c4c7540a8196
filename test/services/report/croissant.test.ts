/** A snapshot as Croissant, held to the validator of MLCommons where Python has it. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { croissantOf } from '../../../services/report/croissant.ts';
import { dataSummaryOf } from '../../../services/report/data-summary.ts';
import { collectSnapshot } from '../../../services/data/snapshot.ts';
import { withFolderBlobs } from '../../support/folder-blobs.ts';
import { listSource, quietContext, samplesOf } from '../../support/samples.ts';

/** A Python with `pip install mlcroissant pillow`. */
const PYTHON = process.env['NIGHTSHIFT_CROISSANT_PYTHON'] ?? 'python3';
const hasValidator = spawnSync(PYTHON, ['-c', 'import mlcroissant, PIL']).status === 0;

const TIMES = { startedAt: '2026-11-20T02:00:00.000Z', collectedAt: '2026-11-20T02:01:00.000Z' };

/** The description of a real snapshot of two sources, and the folder in which its shards lie by their keys. */
const withCroissant = (use: (croissant: object, digests: readonly string[], folder: string) => void) =>
  withFolderBlobs(async (blobs, folder) => {
    const { dataset, manifest } = await collectSnapshot({
      ...quietContext(),
      sources: [listSource('auth', await samplesOf(['ada'], 4)), listSource('helper', await samplesOf(['ben'], 4))],
      ...{ image: { width: 8, height: 8, channels: 1 }, holdOut: { share: 0, min: 0 }, blobs },
      split: { strategy: 'content-hash', validation: 0.1, probe: 0.2 },
    });
    const data = dataSummaryOf(manifest);
    const croissant = croissantOf({ data, model: 'face', runId: 'n1', snapshot: dataset.digest, ...TIMES });
    use(
      croissant,
      manifest.shards.map(({ blob }) => blob.digest),
      folder,
    );
  });

interface Described {
  readonly name: string;
  readonly distribution: readonly { readonly '@type': string; readonly sha256?: string }[];
}

test('croissant: it lists the shards by their digests, says source, time and version, and names nobody', () =>
  withCroissant((croissant, digests) => {
    const { name, distribution } = croissant as Described;
    assert.match(name, /^face-[0-9a-f]{12}$/);
    assert.equal(
      distribution.flatMap(({ sha256 }) => sha256 ?? []),
      digests.map((digest) => digest.slice('sha256:'.length)),
    );
    const text = JSON.stringify(croissant);
    for (const said of ['"auth"', '"helper"', TIMES.startedAt, TIMES.collectedAt, 'run n1', 'nightshift 0.'])
      assert.ok(text.includes(said), said);
    for (const person of ['ada', 'ben']) assert.not.match(text, new RegExp(`\\b${person}\\b`));
  }));

const SCRIPT = `
import json, sys, mlcroissant
dataset = mlcroissant.Dataset(jsonld=sys.argv[1])
records = {it["records/key"]: json.loads(it["records/record"]) for it in dataset.records("records")}
print(json.dumps([[records[it["images/key"]]["id"], list(it["images/image"].size)] for it in dataset.records("images")]))
`;
/** The sources of a company have no licence, and nobody cites them. */
const EXPECTED = /Property "\S+(citeAs|license)" is recommended|Found the following 2 warning/;

if (hasValidator)
  test('croissant: the validator of MLCommons takes it, and reads the samples by it', () =>
    withCroissant((croissant, digests, folder) => {
      const path = join(folder, 'croissant.json');
      writeFileSync(path, JSON.stringify(croissant));
      mkdirSync(join(folder, 'shards'));
      for (const key of digests.map((digest) => `shards/${digest.slice('sha256:'.length)}.tar`))
        copyFileSync(join(folder, 'DATASETS', encodeURIComponent(key)), join(folder, key));
      const { status, stdout, stderr } = spawnSync(PYTHON, ['-c', SCRIPT, path], { encoding: 'utf8' });
      assert.is(status, 0, stderr);
      const warnings = stderr.split('\n').filter((line) => /WARNING|\[Metadata/.test(line) && !EXPECTED.test(line));
      assert.equal(warnings, []);
      const images = ['ada', 'ben'].flatMap((label) => [1, 2, 3, 4].map((shot) => [`${label}/${shot}`, [8, 8]]));
      const read = JSON.parse(stdout) as [string, number[]][];
      assert.equal(
        read.toSorted(([a], [b]) => (a < b ? -1 : 1)),
        images,
      );
    }));
else
  test('skipped: croissant by the validator of MLCommons, which is not installed (pip install mlcroissant pillow)', () =>
    assert.not(hasValidator));

test.run();
