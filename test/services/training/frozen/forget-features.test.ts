import { writeFile } from 'node:fs/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createHash } from 'node:crypto';
import { readSafetensors, writeSafetensors } from '../../../../services/safetensors.ts';
import { FEATURES_FORMAT } from '../../../../services/training/frozen/features.ts';
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

test.run();
