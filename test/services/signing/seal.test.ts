/** Seals of the deployment record: a chain that only an orchestrator's key continues, over the text as it was stored. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkSeal, sealed } from '../../../services/signing/seal.ts';
import { deploymentOf, releaseOf } from '../../support/deployments.ts';
import { withFolder } from '../../support/folder.ts';
import { keysIn, strangersKey } from '../../support/signed.ts';

const record = deploymentOf({ current: releaseOf('r1', 1), change: 'committed' });
const stored = (value: object): unknown => JSON.parse(JSON.stringify(value));

test('seal: revisions form a chain by number and digest', () =>
  withFolder(async (folder) => {
    const keys = keysIn(folder);
    const first = sealed(record, null, keys.orchestrator);
    const link = checkSeal(stored(first), 'face', keys.trust());
    assert.equal([link.number, link.before], [1, null]);
    const second = checkSeal(stored(sealed({ ...first, runId: 'r2' }, link, keys.orchestrator)), 'face', keys.trust());
    assert.equal([second.number, second.before], [2, link.digest]);
  }));

test('seal: another text, key, model or none is refused; an unknown field that was sealed is not', () =>
  withFolder(async (folder) => {
    const keys = keysIn(folder);
    const trust = keys.trust();
    const good = sealed(record, null, keys.orchestrator);
    const cases: readonly (readonly [unknown, RegExp])[] = [
      [record, /no orchestrator has sealed it/],
      [{ ...good, releaseMax: 7 }, /not the text that was sealed/],
      [{ ...good, seal: { ...good.seal!, number: 9 } }, /not the text/],
      [{ ...good, more: 1 }, /not the text/],
      [sealed(record, null, strangersKey()), /no orchestrator key that is trusted/],
      [sealed(record, null, keys.verifier), /no orchestrator key/],
      [{ ...good, seal: 'none' }, /another form/],
      ['text', /no object/],
    ];
    for (const [value, message] of cases) assert.throws(() => checkSeal(value, 'face', trust), message);
    assert.throws(() => checkSeal(stored(good), 'other', trust), /that of model face/);
    const revoked = { ...trust, revoked: { keys: [keys.orchestrator.id], digests: [] } };
    assert.throws(() => checkSeal(stored(good), 'face', revoked), /is revoked/);
    const newer = sealed({ ...record, later: { field: 1 } } as typeof record, null, keys.orchestrator);
    assert.is(checkSeal(stored(newer), 'face', trust).number, 1);
  }));

test.run();
