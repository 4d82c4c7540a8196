/** A janitor where releases are signed: it has a key, or does not begin. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkForwards, refuseMuteJanitor, signForward } from '../../../services/signing/forgetting.ts';
import { NO_SIGNING } from '../../../services/signing/signing.ts';
import { withFolder } from '../../support/folder.ts';
import { blobRef } from '../../support/runs.ts';
import { keysIn } from '../../support/signed.ts';

test('forgetting: a janitor without a key does not begin where releases are signed, and nothing is demanded elsewhere', () =>
  withFolder(async (folder) => {
    const { keysDir, signing } = keysIn(folder);
    const [old, now] = [blobRef('MODELS', 'old'), blobRef('MODELS', 'now')];
    refuseMuteJanitor(signing);
    checkForwards(signing)(old.digest, now, signForward(signing, old.digest, now));
    rmSync(join(keysDir, 'janitor.signing.pem'));
    assert.throws(() => refuseMuteJanitor(signing), /this janitor has no key/);
    refuseMuteJanitor(NO_SIGNING);
    assert.is(signForward(NO_SIGNING, old.digest, now), null);
    checkForwards(NO_SIGNING)(old.digest, now, null);
  }));

test.run();
