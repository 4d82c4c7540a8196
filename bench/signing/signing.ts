/**
 * The cost of signatures: to sign and to check a statement and a seal, of a record as it is after a hundred nights, and what
 * the first start takes for its keys. In one process, each many times. Called by bench/run.ts.
 */
import { join } from 'node:path';
import type { Deployment, LedgerEntry, Release } from '../../contracts/release.ts';
import type { BlobRef } from '../../contracts/references.ts';
import { program } from '../../runtime/program.ts';
import { withScratch } from '../../runtime/scratch.ts';
import { digestOf } from '../../services/signing/canonical.ts';
import { ensureKeys } from '../../services/signing/key-folder.ts';
import { checkSeal, sealed, textOf } from '../../services/signing/seal.ts';
import { openSigning } from '../../services/signing/signing.ts';
import { checkPair, releaseStatement } from '../../services/signing/statement.ts';

const RELEASES = 100;
const RETAINED = 5;
const GATES = 16;
const WARM_UP = 100;
const TIMES = 1000;

export const runSigningBench = ({ json }: { readonly json: boolean }): Promise<void> =>
  withScratch(async (folder) => {
    const trustFile = join(folder, 'trust.json');
    const once = [
      await timed('four keys are made (once)', 1, () => ensureKeys(folder, trustFile, new Date())),
      await timed("the program's digest (once)", 1, program),
    ];
    const signing = openSigning({ keysDir: folder, trustFile });
    const trust = signing.trust()!; // Just made, as are the keys.
    const statement = statementOfNight();
    const bytes = Buffer.from(JSON.stringify(signing.sign('verifier', statement)));
    const pair = { ...PAIR, statement: { ...ref('statement'), bytes: bytes.length } };
    const blobs = { get: () => Promise.resolve(bytes) };
    const record = recordOf({ ...pair, release: RELEASES, committedAt: new Date(0).toISOString() });
    const key = signing.keyOf('orchestrator')!;
    const text = textOf(sealed(record, null, key));
    const rows = [
      ...once,
      await timed(`a statement of ${bytes.length} bytes is signed`, TIMES, () => signing.sign('verifier', statement)),
      await timed('a pair is checked, its statement at hand', TIMES, () =>
        checkPair({ trust: signing.trust() ?? trust, blobs, model: 'face', pair }),
      ),
      await timed(`a record of ${text.length} bytes is sealed`, TIMES, () => sealed(record, null, key)),
      await timed('its seal is checked', TIMES, () => checkSeal(text, 'face', trust)),
    ];
    if (json) return void process.stdout.write(`${JSON.stringify(rows)}\n`);
    for (const { what, p50Ms, p99Ms } of rows) {
      process.stdout.write(`${what.padEnd(45)} p50 ${p50Ms.toFixed(3)} ms, p99 ${p99Ms.toFixed(3)} ms\n`);
    }
  });

async function timed(what: string, times: number, work: () => unknown) {
  for (let turn = 0; times > 1 && turn < WARM_UP; turn++) await work();
  const tookMs: number[] = [];
  for (let turn = 0; turn < times; turn++) {
    const startedAt = performance.now();
    await work();
    tookMs.push(performance.now() - startedAt);
  }
  tookMs.sort((a, b) => a - b);
  const at = (share: number) => tookMs[Math.min(times - 1, Math.floor(times * share))]!;
  return { what, p50Ms: at(0.5), p99Ms: at(0.99) };
}

const ref = (key: string): BlobRef => ({ bucket: 'MODELS', key, digest: digestOf(key), bytes: 10 });
const PAIR = { model: ref('model'), gallery: ref('gallery'), golden: ref('golden'), runId: 'run-20260101-020000-1' };

function statementOfNight() {
  const message = 'a sentence about what was measured, what is required, and how sure one can be of it';
  const gate = (index: number) => ({
    name: `gate ${index}`,
    value: 0.123,
    limit: 0.2,
    outcome: 'held' as const,
    message,
  });
  return releaseStatement(
    { ...PAIR, report: ref('report') },
    {
      ...{ model: 'face', run: PAIR.runId, verdict: 'blessed', admitted: true, champion: null },
      gates: Array.from({ length: GATES }, (_, index) => gate(index)),
      ...{ thresholds: { identify: 0.5, verify: 0.6 }, image: { width: 64, height: 64, channels: 1 } },
      ...{ dataset: digestOf('dataset'), time: new Date(0).toISOString() },
    },
  );
}

function recordOf(current: Release): Deployment {
  const before = (release: number): Release => ({ ...current, release });
  const entry = (release: number): LedgerEntry => ({
    ...{ release, startedAt: current.committedAt, reason: 'deployed', why: null, runId: current.runId },
    ...{
      origin: { release, runId: current.runId },
      modelDigest: PAIR.model.digest,
      galleryDigest: PAIR.gallery.digest,
    },
  });
  return {
    ...{ model: 'face', current, previous: before(RELEASES - 1), announced: null },
    retained: Array.from({ length: RETAINED }, (_, index) => before(RELEASES - 2 - index)),
    ledger: Array.from({ length: RELEASES }, (_, index) => entry(index + 1)),
    ...{ releaseMax: RELEASES, runId: current.runId, change: 'committed' },
  };
}
