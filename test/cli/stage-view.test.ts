/** The lines of a run as its stages pass: a long note is shortened, what holds or stops a run is there in full. */
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createStageView } from '../../cli/stage-view.ts';

test('stage view: a note is shortened, a finding that holds the run is not', async () => {
  const stream = new PassThrough();
  const view = createStageView(stream as unknown as NodeJS.WriteStream);
  const message = `many: ${'𝒜'.repeat(300)}`;
  view.advanced('collecting');
  const findings = (['note', 'hold'] as const).map((action) => ({ check: 'peopleCame', action, message }));
  view.completed('collect', { findings: [...findings, { check: 'peopleCame', action: 'note', message: 'short' }] });
  view.close();
  stream.end();
  const [, note, hold, short] = (await text(stream)).split('\n');
  assert.is(note, `    note: many: ${'𝒜'.repeat(234)} …`);
  assert.is(hold, `    hold: ${message}`);
  assert.is(short, '    note: short');
});

test.run();
