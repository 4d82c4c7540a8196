/**
 * Draws the pictures of docs/night.md: `npm run docs:night`. A system with drawn people runs a night that a person has to approve,
 * another one, and a rollback, while Debian's Chromium shows the console and the report. No face of a real person is in them.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium, type Browser, type Locator, type Page } from 'playwright-core';
import sharp from 'sharp';
import { ensureBuilt } from '../../../build.mjs';
import { drawnAlbums } from '../../../demo/photographs.ts';
import { ConfigSchema } from '../../../infra/config/config.ts';
import { startSystem } from '../../../main.ts';
import { browserPath } from '../browser.ts';
import { act, logIn } from '../console.ts';
import { withFolder, writeImage } from '../folder.ts';
import { withGatewayOf, type Served } from '../gateway.ts';
import { testLogger } from '../server.ts';
import { ROOT } from './blocks.ts';

const OUT = join(ROOT, 'docs/night');
const VIEW = { width: 1000, height: 720 };
/** Colours of a picture: plain areas and text need no more, and a file stays small. */
const COLOURS = 48;
const NIGHT_MS = 300_000;
const PEOPLE = { count: 16, shots: 8, seed: 1 };
const NEWCOMERS = 2;
const STRANGERS = { count: 60, shots: 2, seed: 2 };

async function writeDrawn(folder: string, { count, shots, seed }: typeof PEOPLE): Promise<void> {
  for (const { label, served } of drawnAlbums({ people: count, served: shots, heldBack: 0 }, seed)) {
    for (const [shot, photograph] of served.entries())
      await writeImage(folder, label, `${shot}.png`, await photograph());
  }
}

const pipelineIn = (folder: string) => ({
  sources: [{ type: 'directory', name: 'staff', path: join(folder, 'staff') }],
  strangers: [{ type: 'directory', name: 'street', path: join(folder, 'street') }],
  decision: { identify: { fpir: 0.1 }, verify: { far: 0.05 }, holdOut: { share: 0, min: 0 }, inconclusive: 'serve' },
  training: { epochs: 20 },
  verification: {
    gates: {
      rank1Min: 0,
      worstTenthMin: 0,
      fnirMax: 1,
      latencyP99MsMax: 60_000,
      imagesPerSecondMin: 0,
      slowdownMax: 1e6,
    },
    performanceRequests: 50,
  },
  deployment: { guardMs: 500, guardLatencyP99MsMax: 60_000, approval: { required: true } },
  schedule: { cron: '30 2 * * *', timeZone: 'Europe/Berlin' },
});

/** A console beside a system with drawn people. */
const withSystem = (use: (served: Served) => Promise<void>) =>
  withFolder(async (folder) => {
    await writeDrawn(join(folder, 'staff'), PEOPLE);
    await writeDrawn(join(folder, 'street'), STRANGERS);
    const storeDir = join(folder, 'store');
    const models = { face: pipelineIn(folder) };
    const config = ConfigSchema.parse({ nats: { port: 0, storeDir }, gateway: { port: 0 }, models });
    const system = await startSystem(config, testLogger());
    try {
      await withGatewayOf({ url: system.server.url, storeDir, folder }, config, use);
    } finally {
      await system.stop();
    }
  });

async function shoot(what: Page | Locator, name: string): Promise<void> {
  const picture = await sharp(await what.screenshot({ animations: 'disabled' }))
    .png({ palette: true, colours: COLOURS, effort: 10 })
    .toBuffer();
  await writeFile(join(OUT, `${name}.png`), picture);
  console.log(`docs/night/${name}.png  ${(picture.length / 1024).toFixed(0)} KiB`);
}

async function draw(browser: Browser, served: Served): Promise<void> {
  const context = await browser.newContext({ viewport: VIEW, colorScheme: 'light', acceptDownloads: true });
  const page = await context.newPage();
  page.setDefaultTimeout(NIGHT_MS);
  await page.goto(`${served.base}/`);
  await page.getByText('live', { exact: true }).waitFor();
  await logIn(page, served.tokenOf('operator'));
  const first = await begin(page);
  await page.goto(`${served.base}/#/runs/${first}`);
  await page
    .locator('#summary')
    .getByText(/[1-9][\d.]* of [1-9]\d* epochs/)
    .waitFor();
  await shoot(page, '1-training');
  await page.locator('#summary').getByText('waiting for approval').first().waitFor();
  await page.locator('#verdict table').first().waitFor();
  await shoot(page.locator('#verdict'), '2-verdict');
  await page.locator('#curve .plot canvas').waitFor();
  await shoot(page.locator('#curve'), '3-curve');
  await drawReport(browser, page);
  await approve(page, first);
  await shoot(page.locator('.pair').last(), '5-way');
  await page.goto(`${served.base}/#/overview`);
  // Without newcomers the second night would end unchanged.
  await writeDrawn(join(served.folder, 'staff'), { ...PEOPLE, count: PEOPLE.count + NEWCOMERS });
  const second = await begin(page);
  await page.goto(`${served.base}/#/runs/${second}`);
  await approve(page, second);
  await page.goto(`${served.base}/#/releases`);
  await act(page, 'Roll back to 1', 'doubts about the second night');
  await page.getByRole('status').filter({ hasText: 'is rolled back' }).waitFor();
  await page.getByText('brought back by an operator').waitFor();
  await shoot(page, '6-rollback');
  await context.close();
}

async function begin(page: Page): Promise<string> {
  await act(page, 'Start a run', 'the night');
  await page.getByRole('button', { name: 'Close the message' }).click();
  return page.locator('.active-run h3 a').innerText();
}

async function approve(page: Page, runId: string): Promise<void> {
  await page.locator('#summary').getByText('waiting for approval').first().waitFor();
  await act(page, 'Approve', 'the worst mistakes look harmless');
  await page.getByText('Approve: done').waitFor();
  await page.getByRole('button', { name: 'Close the message' }).click();
  await page.getByRole('heading', { name: runId }).waitFor();
  await page.locator('#summary').getByText('completed', { exact: true }).waitFor();
}

/** The file that the page saves, as a browser shows it. */
async function drawReport(browser: Browser, page: Page): Promise<void> {
  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save the report' }).click();
  const report = await browser.newPage({ viewport: VIEW, colorScheme: 'light' });
  await report.setContent(await readFile(await (await saving).path(), 'utf8'));
  await shoot(report, '4-report');
  await report.close();
}

const executablePath = browserPath();
if (executablePath === null) throw new Error('docs:night needs Chromium: apt-get install chromium');
await ensureBuilt();
await mkdir(OUT, { recursive: true });
const browser = await chromium.launch({ executablePath });
try {
  await withSystem((served) => draw(browser, served));
} finally {
  await browser.close();
}
