import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dataSummaryOf } from '../../../services/report/data-summary.ts';
import { sampleReport } from '../../support/sample-report.ts';

test('data summary: people, images, sources, and the quarantined by reason, the most frequent first', async () => {
  const { manifest } = await sampleReport();
  const summary = dataSummaryOf({ ...manifest, quarantinedTotal: 2_000 });
  assert.equal([summary.people, summary.heldOut, summary.strangers, summary.counts.train], [76, 15, 200, 480]);
  assert.equal(summary.sources, manifest.sources);
  assert.equal(summary.quarantined, [
    { reason: 'duplicate', count: 6 },
    { reason: 'unreadable', count: 4 },
    { reason: 'contradictory-label', count: 3 },
  ]);
  assert.equal([summary.quarantinedListed, summary.quarantinedTotal], [13, 2_000]);
});

test.run();
