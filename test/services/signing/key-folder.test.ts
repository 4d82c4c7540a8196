/** The folder of signing keys: made once, closed to others, and read anew at each use. */
import { createPublicKey } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KEY_ROLES } from '../../../contracts/signing.ts';
import { ensureKeys, newKey, readSigningKeys, readTrust, storeKey } from '../../../services/signing/key-folder.ts';
import { demanded, NO_SIGNING, openSigning, ownKey } from '../../../services/signing/signing.ts';
import { withFolder } from '../../support/folder.ts';
import { keysIn } from '../../support/signed.ts';

const NOW = new Date('2026-01-01T00:00:00Z');

test('keys: one of each role is made at first, for its user alone, and kept', () =>
  withFolder(async (folder) => {
    const keysDir = join(folder, 'keys');
    const trustFile = join(keysDir, 'trust.json');
    assert.is(ensureKeys(keysDir, trustFile, NOW), true);
    const { keys } = readTrust(trustFile);
    assert.equal(
      keys.map(({ role }) => role),
      KEY_ROLES,
    );
    assert.is(statSync(keysDir).mode & 0o777, 0o700);
    for (const { name, publicKey } of keys) {
      assert.is(statSync(join(keysDir, `${name}.signing.pem`)).mode & 0o777, 0o600);
      const written = createPublicKey(readFileSync(join(keysDir, `${name}.pub.pem`), 'utf8'));
      assert.is(written.export({ type: 'spki', format: 'der' }).toString('base64'), publicKey);
    }
    assert.is(ensureKeys(keysDir, trustFile, NOW), false);
    rmSync(trustFile);
    assert.is(ensureKeys(keysDir, trustFile, NOW), true);
    assert.equal(
      readTrust(trustFile).keys.map(({ id }) => id),
      ['janitor', 'operator', 'orchestrator', 'trainer', 'verifier'].map(
        (name) => keys.find((key) => key.name === name)!.id,
      ),
    );
  }));

test('keys: a lost key is made anew without a word on what serves; that of an operator who took it along is not', () =>
  withFolder(async (folder) => {
    const { keysDir, trustFile, verifier, signing, trust } = keysIn(folder);
    for (const role of ['operator', 'verifier']) rmSync(join(keysDir, `${role}.signing.pem`));
    assert.is(ensureKeys(keysDir, trustFile, NOW), false);
    assert.is(signing.keyOf('operator'), null);
    const ids = trust().keys.flatMap(({ role, id }) => (role === 'verifier' ? [id] : []));
    assert.equal(ids, [verifier.id, signing.keyOf('verifier')!.id]);
    assert.is(trust().keys.filter(({ role }) => role === 'operator').length, 1);
  }));

test('keys: a new key of a role signs at once, beside others of the role; names of no role are refused', () =>
  withFolder(async (folder) => {
    const { keysDir, signing, verifier } = keysIn(folder);
    const made = newKey('verifier-b', NOW);
    storeKey(keysDir, made);
    assert.equal(
      readSigningKeys(keysDir, 'verifier').map(({ id }) => id),
      [verifier.id, made.listed.id],
    );
    assert.equal(
      signing.sign('verifier', {})?.signatures.map(({ keyid }) => keyid),
      [verifier.id, made.listed.id],
    );
    assert.throws(() => newKey('door', NOW), /there is no key door/);
  }));

test('keys: a list that is missing or is none, and a file that is no key, are said by name', () =>
  withFolder(async (folder) => {
    const { keysDir, trustFile, signing } = keysIn(folder);
    writeFileSync(join(keysDir, 'trainer.signing.pem'), 'nothing');
    assert.throws(() => readSigningKeys(keysDir, 'trainer'), /trainer\.signing\.pem is no Ed25519 key/);
    writeFileSync(trustFile, '{"format":"nightshift.trust/1","keys":1}');
    assert.throws(() => signing.trust(), /trust\.json has another form than expected: keys/);
    rmSync(trustFile);
    assert.throws(() => signing.trust(), /trust\.json cannot be read/);
  }));

test('keys: a process without a key that others demand is told so; without any list nothing is demanded', () =>
  withFolder(async (folder) => {
    const { trustFile } = keysIn(folder);
    const lacking = openSigning({ keysDir: join(folder, 'none'), trustFile });
    assert.throws(() => ownKey(lacking, 'verifier'), /no key of it/);
    assert.is(ownKey(NO_SIGNING, 'verifier'), null);
    assert.is(demanded(NO_SIGNING, 'verifier'), null);
    assert.is(NO_SIGNING.sign('verifier', {}), null);
  }));

test.run();
