/**
 * Twenty nights on unchanged data: one training, and a store that ends at the size of the first night and one model at most.
 * Then nights that each make a model, of which those stay that are retained.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MODEL } from '../support/replicas.ts';
import { RETAINED, soakStore } from '../support/store-soak.ts';

const NIGHTS = 20;
const FORCED = 6;

test('twenty nights on unchanged data end at the size of the first, and many models at that of those retained', async () => {
  const report = await soakStore({
    ...{ nights: NIGHTS, forced: FORCED },
    use: async (cli) => {
      assert.match(await cli('disk'), /release 7 of face is in service/);
      assert.match(await cli('gc', '--dry-run'), /0 B would be deleted/);
      await cli('rollback', MODEL, '--to', '5');
      const croissant = JSON.parse(await cli('data', 'croissant', 'f6')) as {
        readonly distribution: readonly object[];
      };
      assert.ok(croissant.distribution.length > 2);
    },
  });
  const { trained, modelBytes, firstBytes, unchangedBytes, forcedBytes, diskBytes, models } = report;
  assert.equal(trained, []);
  assert.ok(unchangedBytes <= firstBytes + modelBytes, JSON.stringify(report));
  // In service, the one before, and the retained one.
  assert.equal(
    models.map(({ what }) => what).sort(),
    [4, 5, 6].map((night) => `${MODEL}/f${night}`),
  );
  assert.ok(forcedBytes <= unchangedBytes + (RETAINED + 2) * modelBytes, JSON.stringify(report));
  assert.ok(diskBytes < 2 * forcedBytes, `the files of the server do not shrink: ${JSON.stringify(report)}`);
});

test.run();
