/** The picture of the machine in docs/ is the machine. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { renderDiagram } from '../../machines/tools/diagram.ts';

test('machine: docs/pipeline.md shows the machine as it is (npm run docs:machine writes it)', () => {
  assert.is(readFileSync(new URL('../../docs/pipeline.md', import.meta.url), 'utf8'), renderDiagram());
});

test.run();
