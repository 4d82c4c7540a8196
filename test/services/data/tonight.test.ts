/** Nights whose checks set people aside: the run goes on without them, and the manifest and the findings say so. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChecksConfigSchema } from '../../../contracts/configuration/checks.ts';
import { collectSnapshot, type SnapshotJob } from '../../../services/data/snapshot.ts';
import { withFolderBlobs } from '../../support/folder-blobs.ts';
import { failureOf, listSource, quietContext, samplesOf } from '../../support/samples.ts';

const night = async (blobs: SnapshotJob['blobs'], labels: readonly string[], job: Partial<SnapshotJob> = {}) =>
  collectSnapshot({
    ...quietContext(),
    sources: [listSource('auth', await samplesOf(labels, 4))],
    image: { width: 8, height: 8, channels: 1 },
    split: { strategy: 'content-hash', validation: 0.1, probe: 0.2 },
    holdOut: { share: 0, min: 0 },
    blobs,
    ...job,
  });
const SET_ASIDE = { action: 'quarantine' } as const;

test('tonight: too many who come are set aside, and those in service stay', () =>
  withFolderBlobs(async (blobs) => {
    const first = await night(blobs, ['ada', 'ben']);
    const checks = ChecksConfigSchema.parse({ peopleCame: SET_ASIDE });
    const job = { checks, champion: first.dataset };
    const { manifest, findings } = await night(blobs, ['ada', 'ben', 'cleo', 'dara', 'emil'], job);
    assert.equal(manifest.labels, ['ada', 'ben']);
    assert.is(manifest.content, first.manifest.content);
    assert.equal(findings, [
      {
        ...{ check: 'peopleCame', action: 'quarantine' },
        message: '3 people came to 2: cleo, dara, emil; set aside for tonight: 12 images',
      },
    ]);
    assert.equal([manifest.quarantinedTotal, manifest.sources[0]!.quarantined], [12, 12]);
    assert.ok(manifest.quarantined.every(({ reason }) => reason === 'set-aside'));
  }));

test('tonight: of names that look alike the new ones are set aside; on a first night all of them', () =>
  withFolderBlobs(async (blobs) => {
    const checks = ChecksConfigSchema.parse({ similarNames: SET_ASIDE });
    const first = await night(blobs, ['ada', 'ben', 'Maria Silva']);
    const next = await night(blobs, ['ada', 'ben', 'Maria Silva', 'maria silva'], { checks, champion: first.dataset });
    assert.equal(next.manifest.labels, ['Maria Silva', 'ada', 'ben']);
    assert.match(next.findings[0]!.message, /"Maria Silva" and "maria silva"; set aside for tonight: 4 images$/);
    const alone = await night(blobs, ['ada', 'ben', 'Maria Silva', 'maria silva'], { checks });
    assert.equal(alone.manifest.labels, ['ada', 'ben']);
  }));

test('tonight: a night that has nobody left ends with words', () =>
  withFolderBlobs(async (blobs) => {
    const checks = ChecksConfigSchema.parse({ similarNames: SET_ASIDE });
    const failure = await failureOf(night(blobs, ['Ada', 'ada'], { checks }));
    assert.is(failure.code, 'DATASET_TOO_SMALL');
    assert.match(
      failure.message,
      /8 in quarantine, the first: auth\/Ada\/1: "Ada" is spelled much like "ada" \(checks\.similarNames\)/,
    );
  }));

test.run();
