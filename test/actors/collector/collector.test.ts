/** From a collector's command to its fact: strangers, people held out, and the champion's snapshot. */
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startCollector, type CollectorOptions } from '../../../actors/collector/collector.ts';
import { readManifest } from '../../../services/data/load.ts';
import { personHash } from '../../../services/forgetting/name.ts';
import { withFolder, writeDrawnPeople, writeImage } from '../../support/folder.ts';
import { withOneStage } from '../../support/one-stage.ts';
import { testPng } from '../../support/samples.ts';
import { storeTinyPair } from '../../support/tiny-data.ts';

test('collector: a command with strangers and a champion becomes a snapshot of its line', () =>
  withFolder((folder) =>
    withOneStage('collect', startCollector, async ({ blobs, run }) => {
      const [people, street] = [join(folder, 'people'), join(folder, 'street')];
      await writeDrawnPeople(people, 9, 4);
      const strangers = ['eve', 'fay', 'gil', 'hal', 'ian'];
      for (const name of strangers) await writeImage(street, name, '1.png', await testPng(name));
      const directory = (name: string, path: string) => ({ type: 'directory', name, path });
      const image = { width: 8, height: 8 };
      const pipeline = {
        ...{ sources: [directory('people', people)], strangers: [directory('street', street)] },
        ...{ image, split: { strategy: 'content-hash' }, decision: { holdOut: { share: 0, min: 3 } } },
      };
      const first = await run('r1', { pipeline });
      const manifest = await readManifest(first.dataset, blobs);
      assert.equal([first.people, first.samples, manifest.heldOut.length], [9, 41, 3]);
      assert.equal([manifest.strangers, manifest.counts.stranger], [strangers, 5]);
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

test('collector: a source of strangers that gives none ends the night, with the cause, whoever is held out', () =>
  withFolder((folder) =>
    withOneStage('collect', startCollector, async ({ run }) => {
      const [people, street] = [join(folder, 'people'), join(folder, 'street')];
      await writeDrawnPeople(people, 18, 3);
      // Nobody is a stranger who is called like somebody enrolled.
      await writeImage(street, 'Ada', '1.png', await testPng('another Ada'));
      const directory = (name: string, path: string) => ({ type: 'directory', name, path });
      const pipeline = {
        ...{ sources: [directory('people', people)], strangers: [directory('street', street)] },
        ...{ image: { width: 8, height: 8 }, split: { strategy: 'content-hash' } },
      };
      const message = await run('r1', { pipeline }).then(
        () => 'none',
        (error: Error) => error.message,
      );
      assert.match(message, /no stranger came from "street"; the first that was refused: street.*Ada/);
    }),
  ));

test('collector: people who were forgotten are left out of people and strangers, and neither name nor picture is kept', () =>
  withFolder((folder) => {
    const [people, street] = [join(folder, 'people'), join(folder, 'street')];
    const since = '2026-01-01T00:00:00.000Z';
    const forgotten = {
      salt: async () => 'salt',
      people: async () => new Map(['Ada', 'eve'].map((name) => [personHash(name, 'salt'), since])),
    };
    const start = (options: CollectorOptions) => startCollector({ ...options, forgotten });
    return withOneStage('collect', start, async ({ blobs, run }) => {
      await writeDrawnPeople(people, 18, 3);
      for (const name of ['eve', 'fay', 'gil', 'hal', 'ian', 'jon'])
        await writeImage(street, name, '1.png', await testPng(name));
      const directory = (name: string, path: string) => ({ type: 'directory', name, path });
      const pipeline = {
        ...{ sources: [directory('people', people)], strangers: [directory('street', street)] },
        ...{ image: { width: 8, height: 8 }, split: { strategy: 'content-hash' } },
      };
      const { dataset, people: count, quarantined } = await run('r1', { pipeline });
      const manifest = await readManifest(dataset, blobs);
      assert.equal([count, quarantined, manifest.strangers.length], [17, 4, 5]);
      assert.not.match(JSON.stringify(manifest), /Ada|eve/);
      const [refused] = manifest.quarantined;
      assert.equal(refused, {
        ...{ source: 'people', id: '(forgotten)', label: '(forgotten)', reason: 'forgotten' },
        message: `people: forgotten since ${since}`,
      });
    });
  }));

test('collector: where nobody could play a stranger, the night ends before a net is trained', () =>
  withFolder((folder) =>
    withOneStage('collect', startCollector, async ({ run }) => {
      await writeDrawnPeople(folder, 2, 5);
      const pipeline = {
        ...{ sources: [{ type: 'directory', name: 'people', path: folder }], image: { width: 8, height: 8 } },
        ...{ split: { strategy: 'content-hash' } },
      };
      const message = await run('r1', { pipeline }).then(
        () => 'none',
        (error: Error) => error.message,
      );
      assert.match(message, /0 of 2 people are held out.*at least 5 are needed/);
    }),
  ));

test.run();
