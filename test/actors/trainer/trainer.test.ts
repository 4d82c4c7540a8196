/** From a trainer's command to its fact: which classes it learns, and whose weights it begins with. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startTrainer } from '../../../actors/trainer/trainer.ts';
import { readManifest } from '../../../services/data/load.ts';
import { collectSnapshot, type SnapshotJob } from '../../../services/data/snapshot.ts';
import { decodeWeights } from '../../../services/training/loop/weights.ts';
import { withOneStage } from '../../support/one-stage.ts';
import { listSource, quietContext, samplesOf } from '../../support/samples.ts';
import { storeTinyPair } from '../../support/tiny-data.ts';

const NET = [{ type: 'flatten' }, { type: 'dense', units: 8 }];
const TRAINING = { net: NET, epochs: 1, batchSize: 8, microBatch: 4, threads: 1 };

test('trainer: people held out are no class, and weights of another line are not begun with', () =>
  withOneStage('train', startTrainer, async ({ blobs, run }) => {
    const collect = async (people: readonly string[], rest: Partial<SnapshotJob>) =>
      collectSnapshot({
        ...{ ...quietContext(), sources: [listSource('auth', await samplesOf(people, 4))], blobs },
        ...{ image: { width: 8, height: 8, channels: 1 }, split: { strategy: 'first-n', train: 3 } },
        ...{ holdOut: { share: 0, min: 1 }, ...rest },
      });
    const first = await collect(['ada', 'ben', 'cleo'], {});
    const dataset = first.dataset;
    const trained = await run('r1', { dataset, training: TRAINING, champion: null });
    const weights = decodeWeights(
      await blobs.get((await blobs.find('MODELS', 'face/r1/training-weights.safetensors'))!),
    );
    assert.equal(
      weights.labels,
      first.manifest.labels.filter((label) => !first.manifest.heldOut.includes(label)),
    );
    assert.is(weights.labels.length, 2);

    const champion = { ...(await storeTinyPair(blobs, { runId: 'r1' })), model: trained.model, dataset };
    const next = await collect(['aaron', 'ada', 'ben', 'cleo'], { champion: dataset });
    const classes = next.manifest.labels.filter((label) => !next.manifest.heldOut.includes(label));
    const warm = await run('r2', { dataset: next.dataset, training: TRAINING, champion });
    const carried = classes.filter((label) => weights.labels.includes(label)).length;
    assert.is(carried, 2);
    const expected = { type: 'warm', from: 'r1', peopleCarried: carried, peopleNew: classes.length - carried };
    assert.equal(warm.course!.warmStart, expected);

    const { dataset: _, ...before } = champion;
    const cold = await run('r3', { dataset: next.dataset, training: TRAINING, champion: before });
    assert.is(cold.course!.warmStart.type, 'scratch');
    assert.match(JSON.stringify(cold.course!.warmStart), /names no snapshot/);
    // Collected without the champion: its weights have learned somebody who is held out now, or images that may be probes.
    const other = await collect(['ada', 'ben', 'cleo', 'dora'], { holdOut: { share: 0.5, min: 2 } });
    const apart = await run('r4', { dataset: other.dataset, training: TRAINING, champion });
    assert.is((await readManifest(other.dataset, blobs)).learned!.people.length, 2);
    assert.match(JSON.stringify(apart.course!.warmStart), /the champion \(run r1\) has learned/);
  }));

test.run();
