import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { goldenOfNobody, goldenWithout, pixelDigest } from '../../../services/forgetting/golden.ts';
import { checkGolden, takeGolden, type Golden } from '../../../services/serving/host/golden.ts';
import { createModelHost } from '../../../services/serving/host/model-host.ts';
import { TINY_HOST, tinySplit } from '../../support/tiny-data.ts';
import { TINY_IMAGE, tinyModel } from '../../support/tiny-model.ts';

const never = () => Promise.reject<Golden>(new Error('a sample is left'));
const area = TINY_IMAGE.width * TINY_IMAGE.height * TINY_IMAGE.channels;

test('golden: samples of the person go, the others still hold for the model; where none is left, one of nobody does', async () => {
  const model = tinyModel({ seed: 1 });
  const host = await createModelHost({ model, image: TINY_IMAGE, ...TINY_HOST });
  try {
    const golden = await takeGolden(host, tinySplit(4, 4));
    const digests = Array.from({ length: 4 }, (_, at) =>
      pixelDigest(golden.pixels.subarray(at * area, (at + 1) * area)),
    );
    const left = await goldenWithout(golden, new Set([digests[1]!]), never);
    assert.is(left?.count, 3);
    assert.equal([...left!.pixels.subarray(area, 2 * area)], [...golden.pixels.subarray(2 * area, 3 * area)]);
    await checkGolden(host, left!);
    assert.is(await goldenWithout(golden, new Set(['other']), never), null);
    const nobody = await goldenWithout(golden, new Set(digests), (spec) => goldenOfNobody(model, spec));
    assert.is(nobody?.count, 1);
    await checkGolden(host, nobody!);
  } finally {
    await host.close();
  }
});

test.run();
