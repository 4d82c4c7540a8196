/** Where keys, the list of trusted keys and the notes of replicas lie: of a server of ours, and of one that runs already. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigSchema, loadConfig } from '../../../infra/config/config.ts';
import { ownFiles, releaseFiles } from '../../../infra/config/releases.ts';
import { withFolder } from '../../support/folder.ts';

const parsed = (nats: object, releases: object = {}) => ConfigSchema.parse({ nats, releases });

test('release files: of a server of ours they lie in its store, once the keys were made', () =>
  withFolder(async (folder) => {
    const { nats, releases } = parsed({ storeDir: folder });
    assert.is(releaseFiles(nats, releases), null);
    const own = ownFiles(nats, releases);
    assert.equal(own, {
      keysDir: join(folder, 'keys'),
      trustFile: join(folder, 'keys', 'trust.json'),
      stateDir: join(folder, 'served'),
    });
    mkdirSync(own.keysDir);
    writeFileSync(own.trustFile, '{}');
    assert.equal(releaseFiles(nats, releases), own);
  }));

test('release files: of another server nothing is signed, unless the configuration names keys or a list', () =>
  withFolder(async (folder) => {
    const foreign = { url: 'nats://127.0.0.1:4222', storeDir: folder };
    const of = (releases: object) => {
      const config = parsed(foreign, releases);
      return releaseFiles(config.nats, config.releases);
    };
    assert.is(of({}), null);
    assert.is(of({ keysDir: '/k' })?.trustFile, '/k/trust.json');
    assert.equal(of({ trust: '/t.json', stateDir: '/s' }), {
      keysDir: undefined,
      trustFile: '/t.json',
      stateDir: '/s',
    });
  }));

test('release files: paths in a configuration file are relative to it', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'c.json');
    writeFileSync(path, JSON.stringify({ releases: { keysDir: 'keys', stateDir: '/s' } }));
    assert.equal(loadConfig({ path, env: {} }).releases, { keysDir: join(folder, 'keys'), stateDir: '/s' });
  }));

test.run();
