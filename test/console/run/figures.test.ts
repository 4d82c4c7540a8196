import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { figuresOf, verificationIn } from '../../../console/run/figures.ts';
import { figures } from '../../support/figures.ts';

const memory = (verification: unknown) => ({ plan: [], forkedFrom: null, verification });

test('console: figures of a verification stand beside those of the model in service', () => {
  const verification = { verdict: 'rejected', admitted: false, reasons: ['too low'], figures: figures() };
  const found = verificationIn(memory(verification))!;
  assert.equal([found.verdict, found.reasons], ['rejected', ['too low']]);
  const rows = figuresOf(found.figures!);
  assert.is(rows[0]!.candidate, found.figures!.candidate.accuracy.identify.fpir.share);
  assert.is(rows[1]!.candidate, found.figures!.candidate.accuracy.recognition.fnir);
  assert.is(new Set(rows.map(({ name }) => name)).size, 6);
});

test('console: a run without a verdict has none, and a memory of another form shows none', () => {
  for (const other of [null, undefined, 'passed', {}, { verdict: 'passed' }])
    assert.is(verificationIn(memory(other)), null);
});

test.run();
