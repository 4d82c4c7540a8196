/**
 * The console as an operator uses it, in a real browser: a run is started, watched, read and approved, a release rolled back
 * and a dead letter sent again, by the page alone, at a desk and on a telephone.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RunsPageSchema } from '../../actors/gateway/api-table.ts';
import { CheckpointSchema, runKey } from '../../actors/orchestrator/context.ts';
import { BUCKETS, slotSubject } from '../../contracts/subjects.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { createRecordStore, openKv } from '../../infra/stores/record-store.ts';
import { startSystem } from '../../main.ts';
import { withBrowserTest } from '../support/browser.ts';
import { act, checkPage, heardOf, logIn } from '../support/console.ts';
import { withFolder, writeTinyPeople } from '../support/folder.ts';
import { withGatewayOf, type Served } from '../support/gateway.ts';
import { connectAs } from '../support/identities.ts';
import { faceOf, MODEL } from '../support/replicas.ts';
import { testLogger } from '../support/server.ts';
import { tinyNightIn } from '../support/tiny-night.ts';
import { until } from '../support/wait.ts';

const DESK = { width: 1280, height: 900 };
const TELEPHONE = { width: 390, height: 844 };
const NIGHT_MS = 90_000;
const MANY = 1_000;
const HOSTILE = '<img src=x onerror="window.pwned=1"><script>pwned=1</script>';
const PAGES = ['overview', 'runs', 'held', 'releases', 'people', 'schedules', 'letters', 'replicas'];

/** A gateway beside the system on a port; 0: any. */
type Serve = (port: number, use: (served: Served) => Promise<void>) => Promise<void>;

const withConsole = (use: (serve: Serve) => Promise<void>) =>
  withFolder(async (folder) => {
    const storeDir = join(folder, 'store');
    const night = await tinyNightIn(folder);
    const config = ConfigSchema.parse({
      nats: { port: 0, storeDir },
      gateway: { port: 0 },
      gallery: { approval: 'second' },
      models: {
        [MODEL]: {
          ...night,
          deployment: { ...night.deployment, approval: { required: true } },
          schedule: { cron: '0 3 * * *' },
        },
      },
    });
    const system = await startSystem(config, testLogger());
    try {
      const started = { url: system.server.url, storeDir, folder };
      await use((port, serve) => withGatewayOf(started, { ...config, gateway: { ...config.gateway, port } }, serve));
    } finally {
      await system.stop();
    }
  });

async function opened(browser: Browser, served: Served, viewport: typeof DESK, colorScheme: 'light' | 'dark') {
  const context = await browser.newContext({ viewport, colorScheme, acceptDownloads: true });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const said = heardOf(page, served.base);
  await page.goto(`${served.base}/`);
  await page.getByText('live', { exact: true }).waitFor();
  return { page, said };
}

const goTo = (page: Page, name: string) => page.getByRole('navigation').getByRole('link', { name }).click();

/** Started on the overview, approved where the navigation says that somebody is waited for. */
async function runByPage(page: Page, reason: string): Promise<string> {
  await goTo(page, 'Overview');
  await act(page, 'Start a run', reason);
  await page.getByText('waiting for approval').first().waitFor({ timeout: NIGHT_MS });
  const runId = await page.locator('.active-run h3 a').innerText();
  await goTo(page, 'Waiting');
  await page.getByRole('heading', { name: runId }).waitFor();
  await checkPage(page, 'held-one');
  await act(page, 'Approve', HOSTILE);
  await page.getByText('Approve: done').waitFor();
  await page.goto(`${page.url().split('#')[0]}#/runs/${runId}`);
  await page.locator('#summary').getByText('completed', { exact: true }).waitFor({ timeout: NIGHT_MS });
  return runId;
}

async function readReport(page: Page, runId: string): Promise<void> {
  await page.locator('#verdict table').first().waitFor();
  await page.locator('#curve .plot canvas').waitFor();
  const verdict = page.locator('#verdict');
  assert.match(await verdict.innerText(), /Strangers let in[\s\S]*\d %/);
  assert.match(await verdict.innerText(), /held/);
  assert.match(await page.locator('#data').innerText(), /Enrolled/);
  assert.match(await page.locator('#timeline').innerText(), /approved → deploying/);
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save the report' }).click(),
  ]);
  assert.is(file.suggestedFilename(), `nightshift-${runId}.html`);
  assert.match(await readFile(await file.path(), 'utf8'), new RegExp(`<!doctype html>[\\s\\S]*${runId}`, 'i'));
}

async function rolledBack(page: Page): Promise<void> {
  await goTo(page, 'Releases');
  await act(page, 'Roll back to 1', HOSTILE);
  const told = page.getByRole('status').filter({ hasText: 'is rolled back' });
  await told.waitFor();
  assert.match(await told.innerText(), /It took \d+ ms in all/);
  await page.getByText('brought back by an operator').waitFor();
  await page.getByText(HOSTILE, { exact: false }).first().waitFor();
  assert.is(await page.evaluate('"pwned" in window'), false);
}

/** Sees who is there, enrols somebody with a picture from a file, and may do no more: a second person is needed. */
async function enrolledBy(page: Page, token: string): Promise<void> {
  await goTo(page, 'People');
  await page.getByText('People are shown to').waitFor();
  await logIn(page, token, 'enroller');
  await page.getByText('6 people').waitFor();
  assert.is(await page.getByRole('button', { name: /Forget|Approve/ }).count(), 0);
  await page.getByLabel('Name', { exact: true }).fill(HOSTILE);
  const image = { name: 'face.png', mimeType: 'image/png', buffer: await faceOf(11) };
  const notes = { name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('no image') };
  await page.locator('#enrol input[type=file]').setInputFiles([image, notes]);
  await page.getByRole('button', { name: 'Enrol', exact: true }).click();
  await page.getByText('waits for a second person').waitFor();
  await page.getByText('notes.png: ').waitFor();
  await checkPage(page, 'people-enrol');
  await page.getByRole('button', { name: 'Remove p0' }).click();
  await page.getByText('No door knows').waitFor();
  await checkPage(page, 'people-remove');
  await page.getByRole('button', { name: 'Leave it' }).click();
  await page.getByRole('button', { name: 'Remove p4' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await page.getByText('The change of p4 waits for a second person').waitFor();
  await page.getByLabel('Search by name').fill('P3');
  await page.getByText('1 of 6 people').waitFor();
}

/** Rejects a removal, looks at the picture of an enrolment, approves it, and has somebody forgotten who is in the gallery. */
async function approvedAndForgotten(page: Page, token: string): Promise<void> {
  await logIn(page, token);
  await goTo(page, 'People');
  const pending = page.locator('#pending');
  await pending.getByRole('button', { name: 'Reject p4' }).click();
  await page.getByText('Doors go on knowing').waitFor();
  await checkPage(page, 'people-reject');
  await page.getByRole('dialog').getByRole('button', { name: 'Reject' }).click();
  await page.getByText('The change of p4 that enroller had asked for is rejected.').waitFor();
  await pending.getByText('p4').waitFor({ state: 'detached' });
  await pending.getByRole('button', { name: 'Show' }).click();
  await pending.locator('img.face').waitFor();
  await checkPage(page, 'people-pending');
  await pending.getByRole('button', { name: 'Approve' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
  await page.getByText('No change of the gallery waits').waitFor();
  await page.locator('#people').getByText(HOSTILE).waitFor();
  await page.getByLabel('Name, of anybody').fill('p5');
  await page.locator('#forget').getByRole('button', { name: 'Look p5' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Look' }).click();
  await page.getByRole('heading', { name: 'Found of p5' }).waitFor();
  await checkPage(page, 'people-look');
  await page.locator('#forget').getByRole('button', { name: 'Forget p5' }).click();
  const dialog = page.getByRole('dialog');
  assert.match(await dialog.innerText(), /taken out of all that is stored[^]*cannot be undone/);
  await checkPage(page, 'people-forget');
  await dialog.getByRole('button', { name: 'Forget' }).click();
  await page.getByText('p5 is forgotten.').waitFor();
  await page.getByRole('heading', { name: 'Done about p5' }).waitFor();
  assert.is(await page.evaluate('"pwned" in window'), false);
}

/** The slot of a model that nobody has configured. */
async function deadLetter(served: Served): Promise<void> {
  const orchestrator = await connectAs('orchestrator', served);
  try {
    await orchestrator.bus.publish(slotSubject('cats'), {});
  } finally {
    await orchestrator.close();
  }
}

async function redriven(page: Page): Promise<void> {
  await goTo(page, 'Dead letters');
  await page.locator('#letters tbody tr').waitFor();
  await checkPage(page, 'letters-one');
  await act(page, 'Send again');
  await page.getByText('Send again: done').or(page.getByText('Send again: it was')).waitFor();
}

/** However many there are, few are in the page, and the last can be reached. */
async function manyRuns(served: Served, page: Page): Promise<void> {
  const orchestrator = await connectAs('orchestrator', served);
  try {
    const runs = createRecordStore({ kv: await openKv(orchestrator.nc, BUCKETS.runs), schema: CheckpointSchema });
    const { runs: listed } = RunsPageSchema.parse(await (await served.fetch('/api/v1/runs')).json());
    const runId = listed.find(({ kind }) => kind === 'night')!.runId; // There were two.
    const { value } = (await runs.load(runKey(runId)))!; // It is listed.
    const ids = Array.from({ length: MANY }, (_, index) => `old-${index}`);
    const copies = ids.map((id) => CheckpointSchema.parse(JSON.parse(JSON.stringify(value).replaceAll(runId, id))));
    await Promise.all(copies.map((copy, index) => runs.save(runKey(ids[index]!), copy, 0)));
  } finally {
    await orchestrator.close();
  }
  await page.goto(`${served.base}/#/overview`);
  await goTo(page, 'Runs');
  await page.getByText('1,003 runs').waitFor();
  const rows = page.locator('.list li');
  await checkPage(page, 'runs-many');
  const toTheEnd = async () => {
    await page.evaluate(
      '(() => { const list = document.querySelector(".list"); list.scrollTop = list.scrollHeight; })()',
    );
    assert.ok((await rows.count()) < 60, `${await rows.count()} rows`);
    return (await rows.last().getAttribute('aria-posinset')) === '1003';
  };
  await until(toTheEnd, 'the last run');
  await rows.last().getByRole('link').click();
  await page.getByRole('heading', { name: 'Where it stands' }).waitFor();
}

/** From the top of the page to its content, to a dialog and out of it, without a mouse. */
async function byKeyboard(page: Page): Promise<void> {
  await goTo(page, 'Overview');
  assert.is(await page.evaluate('document.activeElement.id'), 'main');
  await page.getByRole('button', { name: 'Start a run' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  assert.is(await page.evaluate('document.querySelector("dialog").contains(document.activeElement)'), true);
  await checkPage(page, 'dialog');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  const focused = () => page.evaluate<string>('document.activeElement.textContent');
  await until(async () => (await focused()) === 'Start a run', 'the focus where it was');
}

withBrowserTest('console: start, watch, read, approve, roll back and redrive by the page alone', (browser) =>
  withConsole(async (serve) => {
    const left = { port: 0, page: null as Page | null, said: [] as (readonly string[])[] };
    await serve(0, async (served) => {
      const desk = await opened(browser, served, DESK, 'light');
      const telephone = await opened(browser, served, TELEPHONE, 'dark');
      await atTheDesk(served, desk.page);
      await atTheTelephone(served, telephone.page);
      for (const { page } of [desk, telephone]) await everyPage(served, page);
      await manyRuns(served, desk.page);
      await byKeyboard(desk.page);
      Object.assign(left, {
        port: Number(new URL(served.base).port),
        page: desk.page,
        said: [desk.said, telephone.said],
      });
    });
    // The gateway is gone, and another takes its place.
    await left.page!.getByText('not connected').waitFor();
    await serve(left.port, () => left.page!.getByText('live', { exact: true }).waitFor());
    assert.equal(left.said.flat(), []);
  }),
);

async function atTheDesk(served: Served, page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Start a run' }).click();
  await page.getByText('looking without a login').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Leave it' }).click();
  await logIn(page, served.tokenOf('operator'));
  await readReport(page, await runByPage(page, 'the first'));
  await checkPage(page, 'run');
  await deadLetter(served);
  await redriven(page);
  await page.getByRole('button', { name: 'Log out' }).click();
  await enrolledBy(page, served.tokenOf('enroller'));
  await logIn(page, served.tokenOf('operator'));
}

async function atTheTelephone(served: Served, page: Page): Promise<void> {
  await approvedAndForgotten(page, served.tokenOf('operator'));
  await writeTinyPeople(join(served.folder, 'people'), 7, 5);
  await readReport(page, await runByPage(page, 'the second'));
  await checkPage(page, 'run');
  await rolledBack(page);
}

async function everyPage(served: Served, page: Page): Promise<void> {
  for (const name of PAGES) {
    await page.goto(`${served.base}/#/${name}`);
    await page.locator('main section, main .list, main .note').first().waitFor();
    await until(async () => !(await page.locator('main').innerText()).includes('Looking.'), `answers for ${name}`);
    await checkPage(page, name);
  }
}

test.run();
