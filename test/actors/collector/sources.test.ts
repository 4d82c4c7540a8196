/** The means that the collector lends to sources: what was kept, what they wait for. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openSources, withWaits, type SourceMeans } from '../../../actors/collector/sources.ts';
import { SourceConfigSchema } from '../../../contracts/configuration/data.ts';
import type { Progress } from '../../../contracts/progress.ts';
import { readAll } from '../../services/data/data-source.conformance.ts';
import { withFolder } from '../../support/folder.ts';
import { withHttp } from '../../support/page-server.ts';
import { recordWork } from '../../support/work.ts';

const PAGE = JSON.stringify({ samples: [{ id: 'a', label: 'ada', image: 'eA==' }], nextCursor: null });

const meansOf = (more: Partial<SourceMeans>): SourceMeans => ({
  ...{ isForgotten: () => false, leftMs: () => 60_000, log: recordWork().log, waits: () => undefined, ...more },
});

test('collector sources: what an http source gave is kept for the next night, in the folder of the collector', () =>
  withFolder(async (folder) => {
    const conditions: (string | undefined)[] = [];
    await withHttp(
      ({ headers }, response) => {
        conditions.push(headers['if-none-match']);
        if (headers['if-none-match'] === undefined) response.writeHead(200, { etag: '"1"' }).end(PAGE);
        else response.writeHead(304).end();
      },
      async (url) => {
        const config = SourceConfigSchema.parse({ type: 'http', name: 'auth', url });
        const cache = { folder: join(folder, 'sources'), bytesMax: 1e6 };
        for (let night = 1; night <= 2; night++) {
          const [source] = await openSources([config], meansOf({ cache }));
          assert.is((await readAll(source!)).length, 1);
        }
      },
    );
    assert.equal(conditions, [undefined, '"1"']);
  }));

test('collector sources: a folder that cannot be used is told, and the source is read all the same', () =>
  withFolder(async (folder) => {
    await writeFile(join(folder, 'file'), '');
    const work = recordWork();
    await withHttp(
      (_, response) => response.writeHead(200, { etag: '"1"' }).end(PAGE),
      async (url) => {
        const config = SourceConfigSchema.parse({ type: 'http', name: 'auth', url });
        const cache = { folder: join(folder, 'file'), bytesMax: 1e6 };
        const [source] = await openSources([config], meansOf({ cache, log: work.log }));
        assert.is((await readAll(source!)).length, 1);
      },
    );
    assert.match(work.warnings[0]!.message, /nothing is kept of it for the next night/);
  }));

test('collector sources: progress says what is waited for, until nothing is', () => {
  const reports: Progress[] = [];
  const { progress, waits } = withWaits((report) => void reports.push(report));
  progress({ fraction: 0.5, done: 5, total: 10, unit: 'image', figures: {} });
  waits('auth', 'asked again in 30 s');
  waits('helper', 'asked again in 5 s');
  waits('auth', null);
  waits('helper', null);
  const told = ['asked again in 30 s', 'asked again in 30 s', 'asked again in 5 s'];
  assert.equal(
    reports.map(({ waitsFor }) => waitsFor),
    [undefined, ...told, undefined],
  );
  assert.ok(reports.every(({ done }) => done === 5));
});

test.run();
