/** The findings on the account, the disk and certificates. */
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { certificateFindings, examineAccount, examineDisk } from '../../../infra/health/machine.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { withFolder } from '../../support/folder.ts';
import { withServer } from '../../support/server.ts';

const DAY_MS = 24 * 3600_000;

test('doctor: a server without limits and a disk with room are in order', () =>
  withServer(async ({ connect, storeDir }) => {
    assert.equal(await examineAccount(await connect()), []);
    assert.equal(
      (await examineDisk(storeDir)).filter(({ severity }) => severity === 'error'),
      [],
    );
  }));

test('doctor: a certificate that ends soon is a warning, one that ended an error, one that is none is told', () =>
  withFolder(async (folder) => {
    const { cert, key } = makeAuthority(folder, 'ca').issue('client', [], 30);
    const ids = (tls: object, inDays: number) =>
      certificateFindings({ tls: { first: false, ...tls } }, Date.now() + inDays * DAY_MS).map(({ id }) => id);
    assert.equal(ids({ cert, key }, 0), []);
    assert.equal(ids({ cert, key }, 20), ['certificate.expires']);
    assert.equal(ids({ cert, key }, 31), ['certificate.expired']);
    assert.equal(ids({ ca: key }, 0), ['certificate.none']);
    assert.equal(ids({ ca: join(folder, 'absent.pem') }, 0), ['certificate.none']);
    assert.equal(certificateFindings({ tls: undefined }, Date.now()), []);
  }));

test.run();
