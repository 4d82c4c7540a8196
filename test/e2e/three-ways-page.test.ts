/** From a start to a finished run, a read report, an approval and a rollback, by the page alone. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { tokenFileOf } from '../../infra/access/keys.ts';
import { withBrowserTest } from '../support/browser.ts';
import { act, heardOf, logIn } from '../support/console.ts';
import { writeTinyPeople } from '../support/folder.ts';
import { NIGHT_MS, withStarted } from '../support/three-ways.ts';

const goTo = (page: Page, name: string) => page.getByRole('navigation').getByRole('link', { name }).click();

/** Started, its report read where it waits, and approved. */
async function night(page: Page): Promise<void> {
  await goTo(page, 'Overview');
  await act(page, 'Start a run', 'by the page');
  await page.getByText('waiting for approval').first().waitFor({ timeout: NIGHT_MS });
  await page.locator('.active-run h3 a').click();
  await page.locator('#verdict table').first().waitFor();
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save the report' }).click(),
  ]);
  assert.match(await readFile(await file.path(), 'utf8'), /<!doctype html>[\s\S]*Strangers/i);
  await goTo(page, 'Waiting');
  await page.getByText('needs approval (deployment.approval.required)').waitFor();
  await act(page, 'Approve', 'read it');
  await page.getByText('Approve: done').waitFor();
  await goTo(page, 'Overview');
  await page.getByText('No run is under way').waitFor({ timeout: NIGHT_MS });
  await page.getByText('completed', { exact: true }).waitFor();
}

withBrowserTest('three ways: by the page alone', (browser) =>
  withStarted(async ({ cwd, storeDir, base }) => {
    const page = await browser.newPage({ acceptDownloads: true });
    page.setDefaultTimeout(30_000);
    const said = heardOf(page, base);
    await page.goto(`${base}/`);
    await logIn(page, (await readFile(tokenFileOf(storeDir, 'operator'), 'utf8')).trim());
    await night(page);
    await writeTinyPeople(join(cwd, 'people'), 7, 5);
    await night(page);
    await goTo(page, 'Releases');
    await act(page, 'Roll back to 1', 'as it was');
    await page.getByRole('status').filter({ hasText: 'is rolled back' }).waitFor();
    await page.getByText('brought back by an operator').waitFor();
    assert.equal(said, []);
  }),
);

test.run();
