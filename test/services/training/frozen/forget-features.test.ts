import { writeFile } from 'node:fs/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHash } from 'node:crypto';
import { readSafetensors, writeSafetensors } from '../../../../services/safetensors.ts';
import { FEATURES_FORMAT, writeFeatureFile } from '../../../../services/training/frozen/feature-file.ts';
import { forgetFeatures } from '../../../../services/training/frozen/forget-features.ts';
import { withFolder } from '../../../support/folder.ts';

const digestOf = (text: string) => createHash('sha256').update(text).digest();
const hers = new Set([digestOf('Ada 1').toString('hex'), digestOf('Ada 2').toString('hex')]);

function features(of: readonly string[], format: string = FEATURES_FORMAT): Buffer {
  const tensors = {
    digests: { shape: [of.length, 32], data: new Uint8Array(Buffer.concat(of.map(digestOf))) },
    features: { shape: [of.length, 2], data: Float32Array.from(of.flatMap((_, at) => [at, at + 0.5])) },
  };
  return writeSafetensors({ tensors, metadata: { format } });
}

test('forget-features: rows of the images go, a file of nobody else goes whole, other files stay', () =>
  withFolder(async (folder) => {
    await writeFile(join(folder, 'a.safetensors'), features(['Ada 1', 'Bob', 'Ada 2']));
    await writeFile(join(folder, 'b.safetensors'), features(['Ada 1']));
    await writeFile(join(folder, 'c.safetensors'), features(['Bob']));
    await writeFile(join(folder, 'd.safetensors'), features(['Ada 1'], 'of somebody else/1'));
    const look = await forgetFeatures([folder, folder], hers, { isDry: true });
    assert.equal(look, { files: 4, changed: 2, removed: 3 });
    assert.is(readdirSync(folder).length, 4, 'a look changes nothing');
    assert.equal(await forgetFeatures([folder, join(folder, 'absent')], hers, { isDry: false }), look);
    assert.equal(readdirSync(folder).sort(), ['a.safetensors', 'c.safetensors', 'd.safetensors']);
    const { tensors } = readSafetensors(readFileSync(join(folder, 'a.safetensors')), 'a');
    assert.equal([...tensors['features']!.data], [1, 1.5]);
    assert.equal(Buffer.from(tensors['digests']!.data), digestOf('Bob'));
    assert.equal(await forgetFeatures([folder], hers, { isDry: false }), { files: 3, changed: 0, removed: 0 });
  }));

test('forget-features: two at once in one folder, as where trainer and verifier share it, leave a whole file', () =>
  withFolder(async (folder) => {
    const others = Array.from({ length: 20_000 }, (_, at) => `Bob ${at}`);
    await writeFile(join(folder, 'a.safetensors'), features(['Ada 1', ...others, 'Ada 2']));
    await Promise.all([1, 2, 3].map(() => forgetFeatures([folder], hers, { isDry: false })));
    const { tensors } = readSafetensors(readFileSync(join(folder, 'a.safetensors')), 'a');
    assert.is(tensors['features']!.shape[0], others.length);
    assert.equal([...tensors['features']!.data.slice(-2)], [20_000, 20_000.5]);
    assert.equal(readdirSync(folder), ['a.safetensors']);
  }));

test('forget-features: a damaged file is removed, as nobody knows whose rows it holds; a large one of another kind stays', () =>
  withFolder(async (folder) => {
    const whole = features(['Ada 1', 'Bob']);
    await writeFile(join(folder, 'a.safetensors'), whole.subarray(0, whole.length - 1));
    const tensors = Object.fromEntries(
      Array.from({ length: 2_000 }, (_, at) => [`layer.${at}`, { shape: [1], data: Float32Array.of(at) }]),
    );
    await writeFile(join(folder, 'b.safetensors'), writeSafetensors({ tensors, metadata: {} }));
    assert.equal(await forgetFeatures([folder], hers, { isDry: true }), { files: 2, changed: 1, removed: 0 });
    assert.is(readdirSync(folder).length, 2, 'a look changes nothing');
    assert.equal(await forgetFeatures([folder], hers, { isDry: false }), { files: 2, changed: 1, removed: 0 });
    assert.equal(readdirSync(folder), ['b.safetensors']);
  }));

test('forget-features: a row that is damaged goes, too, as it may be of the person', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'a.safetensors');
    const of = ['Ada 1', 'Bob', 'Cleo'].map((name) => digestOf(name).toString('hex'));
    const rows = [{ features: Float32Array.of(0, 0.5, 1, 1.5, 2, 2.5) }];
    (await writeFeatureFile(path, { size: 2, count: 3, digests: () => of, rows })).close();
    const bytes = readFileSync(path);
    // The first digest is no longer hers.
    bytes[bytes.length - 3 * 4 - 6 * 4 - 3 * 32]! ^= 1;
    await writeFile(path, bytes);
    assert.equal(await forgetFeatures([folder], hers, { isDry: true }), { files: 1, changed: 1, removed: 1 });
    assert.equal(await forgetFeatures([folder], hers, { isDry: false }), { files: 1, changed: 1, removed: 1 });
    const { tensors } = readSafetensors(readFileSync(path), 'a');
    assert.equal([...tensors['features']!.data], [1, 1.5, 2, 2.5]);
  }));

test.run();
