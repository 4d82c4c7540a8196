/** The decision bench from a folder of drawn people to its figures: the floors, and a head on a small frozen backbone. */
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BackboneConfig } from '../../../contracts/configuration/training.ts';
import { runDecisionBench } from '../../../bench/decision/decision.ts';
import { encodePng } from '../../../services/data/images.ts';
import { createRandom } from '../../../services/training/random.ts';
import { bytesOf, noise, smallModel } from '../../services/training/backbone/onnx-models.ts';
import { withFolder } from '../../support/folder.ts';

const SPEC = { width: 16, height: 16, channels: 1 } as const;

/** Each person is a pattern of its own, each image of it a little noise. */
async function draw(folder: string, people: number, images: number, seed: number): Promise<string> {
  for (let person = 0; person < people; person++) {
    const pattern = createRandom(seed, person);
    const face = Float32Array.from({ length: SPEC.width * SPEC.height }, () => 40 + 170 * pattern());
    const noise = createRandom(seed, person, 1);
    await mkdir(join(folder, `p${person}`), { recursive: true });
    for (let image = 0; image < images; image++) {
      const pixels = Uint8Array.from(face, (value) => value + 40 * noise());
      await writeFile(join(folder, `p${person}`, `${image}.png`), await encodePng(pixels, SPEC));
    }
  }
  return folder;
}

/** Pixels of SPEC to 64 numbers. */
const BACKBONE = bytesOf(
  smallModel({
    ...{ opset: 18, shape: ['batch', 1, 16, 16] },
    nodes: [
      { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'], attributes: { strides: [4, 4], kernel_shape: [4, 4] } },
      { op: 'Flatten', inputs: ['c'], outputs: ['y'] },
    ],
    constants: { w: { floats: noise(4 * 16), shape: [4, 1, 4, 4] } },
  }),
);

const OPTIONS = { far: 0.01, divisions: 2, nights: null, model: null, backbone: null, floorsOnly: true, json: true };

test('decision bench: people apart are recognised, and strangers among them are not known', async () => {
  await withFolder(async (folder) => {
    const dataFolder = await draw(join(folder, 'people'), 16, 5, 1);
    const strangersFolder = await draw(join(folder, 'strangers'), 24, 1, 2);
    const result = await runDecisionBench({ ...OPTIONS, dataFolder, strangersFolder, targets: [0.1, 0.02] });
    assert.equal(result.counts, { people: 16, images: 80, strangers: 24, strangerImages: 24 });
    assert.equal(
      result.rows.map(({ contender, setBy, target }) => [contender, setBy, target].join()),
      ['PCA + LDA', 'pixels'].flatMap((contender) =>
        ['strangers', 'held-out people'].flatMap((by) => [0.1, 0.02].map((target) => [contender, by, target].join())),
      ),
    );
    assert.equal([result['fpir.target'], result.rank1, result['newcomers.right']], [0.1, 1, 1]);
    assert.ok(result['fpir.true'] < 0.5 && result['fpir.upper95'] > result['fpir.true']);
    const again = await runDecisionBench({ ...OPTIONS, dataFolder, strangersFolder, targets: [0.1, 0.02] });
    assert.equal(again, result, 'the same seeds give the same figures');
  });
});

test('decision bench: without strangers a quarter of the people show what a threshold lets in, night by night', async () => {
  await withFolder(async (folder) => {
    const options = { ...OPTIONS, dataFolder: await draw(folder, 20, 4, 3), strangersFolder: null, targets: [0.1] };
    const { rows } = await runDecisionBench({ ...options, nights: [12, 20] });
    assert.equal(
      rows.map(({ contender, setBy, people }) => [contender, setBy, people].join()),
      ['PCA + LDA', 'pixels'].flatMap((it) => [12, 20].map((people) => [it, 'held-out people', people].join())),
    );
    assert.ok(rows.every(({ perDivision }) => perDivision.length === 2));
  });
});

test('decision bench: a backbone is seen at its own size, with a head or none, and once for all divisions', async () => {
  await withFolder(async (folder) => {
    const dataFolder = await draw(join(folder, 'people'), 16, 4, 4);
    const path = join(folder, 'backbone.onnx');
    await writeFile(path, BACKBONE);
    const cacheDir = join(folder, 'features');
    const run = (head: BackboneConfig['head'], mirror: boolean) =>
      runDecisionBench({
        ...{ ...OPTIONS, dataFolder, strangersFolder: null, targets: [0.1], floorsOnly: false },
        backbone: { path, head, mirror, image: SPEC, cacheDir },
      });
    const { rows, rank1 } = await run('none', false);
    assert.equal(
      rows.map(({ contender }) => contender),
      ['backbone, head none', 'PCA + LDA', 'pixels'],
    );
    assert.is(rank1, 1);
    const [kept] = await readdir(cacheDir);
    const { mtimeMs } = await stat(join(cacheDir, kept!));
    const headed = await run([{ type: 'dense', units: 8 }], false);
    assert.is(headed.rows[0]!.contender, 'backbone, head dense');
    assert.not.equal(headed.rows[0]!.mean, rows[0]!.mean);
    assert.equal([await readdir(cacheDir), (await stat(join(cacheDir, kept!))).mtimeMs], [[kept], mtimeMs]);
    assert.is((await run('none', true)).rows[0]!.contender, 'backbone, head none, mirrors');
  });
});

test.run();
