/** The findings on certificates, made here and looked at on later days. */
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { certificateFindings } from '../../../infra/health/certificates.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { withFolder } from '../../support/folder.ts';

const DAY_MS = 24 * 3600_000;

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
