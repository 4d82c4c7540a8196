/** The swap bench: its judgement and figures from known rows, and a small run in which nothing may be lost. */
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runSwapBench } from '../../../bench/swap/swap.ts';
import { growthOf, isSampled } from '../../../bench/swap/figures.ts';
import { startProgress } from '../../../bench/support/progress.ts';
import { createLedger, judge, OUTCOMES, type Ledger } from '../../../bench/swap/ledger.ts';
import { planOf } from '../../../bench/swap/plan.ts';

type Row = { readonly sentMs: number; readonly release: number; readonly model: number; readonly outcome?: number };

function ledgerOf(rows: readonly Row[]): Ledger {
  const ledger = createLedger(rows.length);
  rows.forEach(({ sentMs, release, model, outcome = OUTCOMES.answered }, request) => {
    ledger.sentMs[request] = sentMs;
    ledger.release[request] = release;
    ledger.model[request] = model;
    ledger.outcome[request] = outcome;
  });
  return ledger;
}

const RELEASES = [
  { release: 1, model: 0, completedMs: 0 },
  { release: 2, model: 1, completedMs: 100 },
];

test('swap bench: an older release is right until the newer one was complete, and misrouted from then on', () => {
  const rows = [
    { sentMs: 99, release: 1, model: 0 },
    { sentMs: 99, release: 2, model: 1 },
    { sentMs: 101, release: 2, model: 1 },
  ];
  assert.is(judge(ledgerOf(rows), RELEASES).misrouted, 0);
  assert.is(judge(ledgerOf([...rows, { sentMs: 101, release: 1, model: 0 }]), RELEASES).misrouted, 1);
});

test('swap bench: an answer that another model gave, or a release that never was, is misrouted', () => {
  const rows = [
    { sentMs: 50, release: 1, model: 1 },
    { sentMs: 50, release: 1, model: -1 },
    { sentMs: 150, release: 3, model: 1 },
  ];
  assert.is(judge(ledgerOf(rows), RELEASES).misrouted, 3);
});

test('swap bench: errors and silence are counted apart', () => {
  const rows = [OUTCOMES.failed, OUTCOMES.lost, OUTCOMES.lost].map((outcome) => ({
    ...{ sentMs: 1, release: 0, model: -1, outcome },
  }));
  assert.equal(judge(ledgerOf(rows), RELEASES), { requests: 3, failed: 1, lost: 2, misrouted: 0 });
});

test('swap bench: the plan has as many swaps as asked for, and one failing load in ten', () => {
  const plan = planOf(100);
  const count = (kind: string) => plan.filter((planned) => planned.kind === kind).length;
  assert.is(count('deploy') + count('roll-back'), 100);
  const share = count('refuse') / (count('refuse') + count('deploy'));
  assert.ok(share >= 0.08 && share <= 0.12, `${share}`);
});

test('swap bench: memory is compared with its level after the tenth swap', () => {
  const samples = Array.from({ length: 30 }, (_, i) => ({
    atMs: i,
    swaps: i + 1,
    mb: i < 9 ? 50 : 100 + (i > 24 ? 3 : 0),
  }));
  assert.is(growthOf(samples), 1.03);
  assert.is(growthOf([]), null);
});

test('swap bench: memory is measured at both levels, and now and then between them', () => {
  const sampled = (swaps: number) => Array.from({ length: swaps }, (_, i) => i + 1).filter((i) => isSampled(i, swaps));
  const few = sampled(6);
  const many = sampled(1000);
  assert.equal(few, [1, 2, 3, 4, 5, 6]);
  assert.equal(many.slice(0, 6), [10, 11, 12, 13, 14, 25]);
  assert.equal(many.slice(-6), [975, 996, 997, 998, 999, 1000]);
  assert.is(many.length, 49);
});

test('bench progress: where there is no terminal, a line at each tenth of the way and no other', () => {
  const lines: string[] = [];
  const stream = { isTTY: false, write: (line: string) => lines.push(line) > 0 };
  // Of a stream it takes no more than this.
  const progress = startProgress(25, 'swaps', stream as unknown as NodeJS.WriteStream);
  for (let done = 1; done <= 25; done++) progress.at(done);
  progress.stop();
  assert.is(lines.length, 10);
  assert.equal([lines[0], lines[9]], ['bench: 3 of 25 swaps\n', 'bench: 25 of 25 swaps\n']);
});

test('swap bench: six swaps with a failing load and a rollback under load: none failed, lost or misrouted', async () => {
  const plot = join(tmpdir(), `nightshift-swap-test-${process.pid}.svg`);
  const options = { net: 'face-small', people: 5, swaps: 6, rate: 20, seconds: 6, plot, json: true } as const;
  const {
    requests,
    swaps,
    refusedLoads,
    failed,
    lost,
    misrouted,
    errors,
    swapUs,
    rollbackMs,
    loadMs,
    memory,
    machine,
  } = await runSwapBench(options);
  assert.equal({ failed, lost, misrouted, errors }, { failed: 0, lost: 0, misrouted: 0, errors: {} });
  assert.equal({ swaps, refusedLoads }, { swaps: 6, refusedLoads: 1 });
  assert.ok(requests > 60, `${requests} requests`);
  assert.ok(swapUs.max > 0 && rollbackMs.p99 > 0 && loadMs.p50 > 0);
  if (process.platform === 'linux') {
    assert.is(memory.length, 6);
    assert.ok(machine!.idle >= 0 && machine!.idle <= 1 && machine!.stolen >= 0 && machine!.stolen <= 1);
  }
  assert.match(await readFile(plot, 'utf8'), /^<svg/);
  await rm(plot);
});

test.run();
