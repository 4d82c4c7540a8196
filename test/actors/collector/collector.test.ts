/** From a collector's command to its fact: strangers, people held out, and the champion's snapshot. */
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startCollector } from '../../../actors/collector/collector.ts';
import { readManifest } from '../../../services/data/load.ts';
import { withFolder, writeDrawnPeople, writeImage } from '../../support/folder.ts';
import { withOneStage } from '../../support/one-stage.ts';
import { testPng } from '../../support/samples.ts';
import { storeTinyPair } from '../../support/tiny-data.ts';

test('collector: a command with strangers and a champion becomes a snapshot of its line', () =>
  withFolder((folder) =>
    withOneStage('collect', startCollector, async ({ blobs, run }) => {
      const [people, street] = [join(folder, 'people'), join(folder, 'street')];
      await writeDrawnPeople(people, 9, 4);
      await writeImage(street, 'eve', '1.png', await testPng('eve'));
      const directory = (name: string, path: string) => ({ type: 'directory', name, path });
      const image = { width: 8, height: 8 };
      const pipeline = {
        ...{ sources: [directory('people', people)], strangers: [directory('street', street)] },
        ...{ image, split: { strategy: 'content-hash' }, decision: { holdOut: { share: 0, min: 3 } } },
      };
      const first = await run('r1', { pipeline });
      const manifest = await readManifest(first.dataset, blobs);
      assert.equal([first.people, first.samples, manifest.heldOut.length], [9, 37, 3]);
      assert.equal([manifest.strangers, manifest.counts.stranger], [['eve'], 1]);
      assert.is(first.content, manifest.content);

      const pair = await storeTinyPair(blobs, { runId: 'r1' });
      const all = { ...pipeline, decision: { holdOut: { share: 0.5, min: 3 } } };
      const line = await run('r2', { pipeline: all, champion: { ...pair, dataset: first.dataset } });
      const { heldOut, learned } = await readManifest(line.dataset, blobs);
      assert.ok(
        heldOut.every((label) => manifest.heldOut.includes(label)),
        'all others are learned',
      );
      assert.equal(learned!.people, manifest.learned!.people);
      // A release of before 0.3.0 names no snapshot: everybody may be held out.
      const anew = await run('r3', { pipeline, champion: pair });
      assert.is(anew.content, first.content);
    }),
  ));

test.run();
