/** Which records a replica obeys, what it remembers over a restart, and what it says of the others. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createRecordGuard, type RecordGuard } from '../../../actors/inference/record-guard.ts';
import { openServedMemory } from '../../../actors/inference/served-memory.ts';
import type { Deployment } from '../../../contracts/release.ts';
import { checkSeal, sealed, textOf } from '../../../services/signing/seal.ts';
import { NO_SIGNING } from '../../../services/signing/signing.ts';
import { deploymentOf, releaseOf } from '../../support/deployments.ts';
import { withFolder } from '../../support/folder.ts';
import { testLogger } from '../../support/server.ts';
import { keysIn, type Keys } from '../../support/signed.ts';

const record = (release: number) => deploymentOf({ current: releaseOf(`r${release}`, release), change: 'committed' });

/** Records of the releases 1.., each sealed upon the one before. */
function chain(keys: Keys, length: number): Deployment[] {
  const records: Deployment[] = [];
  for (let release = 1; release <= length; release++) {
    const last = records.at(-1);
    const link = last ? checkSeal(textOf(last), 'face', keys.trust()) : null;
    records.push(sealed(record(release), link, keys.orchestrator));
  }
  return records;
}

interface Guarded {
  readonly guard: RecordGuard;
  readonly alarms: (string | null)[];
  finish(): Promise<void>;
}

function guardIn(folder: string, keys: Keys): Guarded {
  const alarms: (string | null)[] = [];
  const memory = openServedMemory(join(folder, 'served'), 'face', testLogger());
  const onAlarm = (alarm: string | null) => void alarms.push(alarm);
  const guard = createRecordGuard({ model: 'face', signing: keys.signing, memory, pairs, onAlarm, log: testLogger() });
  return { guard, alarms, finish: () => memory.finish() };
}

const stored = (value: Deployment) => ({ text: textOf(value), value });
const pairs = { recheck: () => {} };

test('record guard: records are obeyed in their order; an older one, a gap that lies, and another text are refused', () =>
  withFolder(async (folder) => {
    const keys = keysIn(folder);
    const { guard, alarms } = guardIn(folder, keys);
    const [first, second, third] = chain(keys, 3) as [Deployment, Deployment, Deployment];
    assert.is(guard.accept(stored(first)), true);
    assert.is(guard.accept(stored(first)), true);
    assert.is(guard.accept(stored(third)), true);
    assert.is(guard.accept(stored(second)), false);
    assert.match(alarms.at(-1) ?? '', /^RELEASE_STALE: .*has number 2, and 3 was obeyed here/);
    const elsewhere = sealed(record(9), { number: 3, digest: `sha256:${'0'.repeat(64)}` }, keys.orchestrator);
    assert.is(guard.accept(stored(elsewhere)), false);
    assert.match(alarms.at(-1) ?? '', /^RELEASE_UNTRUSTED: .*4 was not written upon/);
    assert.is(guard.accept(stored({ ...third, releaseMax: 10 })), false);
    assert.is(guard.accept(stored(third)), true);
    assert.is(alarms.at(-1), null);
  }));

test('record guard: a record that cannot be read is told in the words of its failure', () =>
  withFolder(async (folder) => {
    const { guard, alarms } = guardIn(folder, keysIn(folder));
    guard.refuse({ code: 'RECORD_DAMAGED', message: 'DEPLOYMENTS/face revision 2 is not JSON' });
    assert.equal(alarms, ['RECORD_DAMAGED: DEPLOYMENTS/face revision 2 is not JSON']);
  }));

test('record guard: after a restart the last record is remembered, and an older one refused', () =>
  withFolder(async (folder) => {
    const keys = keysIn(folder);
    const before = guardIn(folder, keys);
    const [first, second] = chain(keys, 2) as [Deployment, Deployment];
    before.guard.accept(stored(second));
    await before.finish();
    const { guard, alarms } = guardIn(folder, keys);
    assert.equal(guard.remembered(), second);
    assert.is(guard.accept(stored(first)), false);
    assert.match(alarms.at(-1) ?? '', /remove .*served\/face\.json/);
  }));

test('record guard: a note that was changed is not obeyed, and one that cannot be read is none', () =>
  withFolder(async (folder) => {
    const keys = keysIn(folder);
    const before = guardIn(folder, keys);
    before.guard.accept(stored(chain(keys, 1)[0]!));
    await before.finish();
    const path = join(folder, 'served', 'face.json');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('releaseMax\\":1', 'releaseMax\\":2'));
    const changed = guardIn(folder, keys);
    assert.is(changed.guard.remembered(), null);
    assert.match(changed.alarms.at(-1) ?? '', /not the text that was sealed/);
    writeFileSync(path, text.slice(0, 100));
    assert.is(guardIn(folder, keys).guard.remembered(), null);
  }));

test('record guard: where nobody signs every record is obeyed and none remembered', () =>
  withFolder(async (folder) => {
    const memory = openServedMemory(join(folder, 'served'), 'face', testLogger());
    const onAlarm = () => {};
    const guard = createRecordGuard({ model: 'face', signing: NO_SIGNING, memory, pairs, onAlarm, log: testLogger() });
    assert.is(guard.accept(stored(record(2))), true);
    assert.is(guard.accept(stored(record(1))), true);
    assert.is(guard.remembered(), null);
  }));

test.run();
