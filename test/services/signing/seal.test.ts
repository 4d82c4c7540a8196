/** Seals of the deployment record: a chain that only an orchestrator's key continues, over the text as it was stored. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkSeal, sealed, textOf } from '../../../services/signing/seal.ts';
import { deploymentOf, releaseOf } from '../../support/deployments.ts';
import { withFolder } from '../../support/folder.ts';
import { keysIn, strangersKey } from '../../support/signed.ts';

const record = deploymentOf({ current: releaseOf('r1', 1), change: 'committed' });

test('seal: revisions form a chain by number and digest', () =>
  withFolder(async (folder) => {
    const keys = keysIn(folder);
    const first = sealed(record, null, keys.orchestrator);
    const link = checkSeal(textOf(first), 'face', keys.trust());
    assert.equal([link.number, link.before], [1, null]);
    const second = checkSeal(textOf(sealed({ ...first, runId: 'r2' }, link, keys.orchestrator)), 'face', keys.trust());
    assert.equal([second.number, second.before], [2, link.digest]);
  }));

test('seal: another text, key, model or none is refused; an unknown field that was sealed is not', () =>
  withFolder(async (folder) => {
    const keys = keysIn(folder);
    const trust = keys.trust();
    const good = sealed(record, null, keys.orchestrator);
    const { seal, ...unsealed } = good;
    const cases: readonly (readonly [object, RegExp])[] = [
      [record, /no orchestrator has sealed it/],
      [{ ...good, releaseMax: 7 }, /not the text that was sealed/],
      [{ ...good, seal: { ...seal, number: 9 } }, /not the text/],
      [{ ...unsealed, more: 1, seal }, /not the text/],
      [{ seal, ...unsealed }, /no orchestrator has sealed it/],
      [sealed(record, null, strangersKey()), /no orchestrator key that is trusted/],
      [sealed(record, null, keys.verifier), /no orchestrator key/],
      [{ ...good, seal: 'none' }, /no orchestrator has sealed it/],
      [{ ...good, seal: { ...seal, keyid: 'x' } }, /another form/],
    ];
    for (const [value, message] of cases) {
      assert.throws(() => checkSeal(JSON.stringify(value), 'face', trust), message);
    }
    assert.throws(() => checkSeal(textOf(good), 'other', trust), /that of model face/);
    const revoked = { ...trust, revoked: { keys: [keys.orchestrator.id], digests: [] } };
    assert.throws(() => checkSeal(textOf(good), 'face', revoked), /is revoked/);
    const newer = sealed({ ...record, later: { field: 1 } } as typeof record, null, keys.orchestrator);
    assert.is(checkSeal(textOf(newer), 'face', trust).number, 1);
  }));

test('seal: each turned bit of the text is refused', () =>
  withFolder(async (folder) => {
    const keys = keysIn(folder);
    const text = textOf(sealed(record, null, keys.orchestrator));
    const signature = text.indexOf('"sig":"') + '"sig":"'.length;
    for (let at = 0; at < text.length; at++) {
      const bytes = Buffer.from(text);
      bytes[at]! ^= 1;
      // Within the signature base64 has bits that mean nothing.
      if (at >= signature && at < text.length - 3) continue;
      assert.throws(() => checkSeal(bytes.toString('latin1'), 'face', keys.trust()));
    }
  }));

test.run();
