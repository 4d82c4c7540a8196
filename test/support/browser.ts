/**
 * A page in headless Chromium for tests of what people look at. `browserTest` registers a test that needs it. Where none
 * is installed (Debian: `apt-get install chromium`; NIGHTSHIFT_CHROMIUM names another) it prints `SKIP <name>: needs
 * Chromium` and registers, under the same name, a test that asserts just this absence: a skip must stay visible by name.
 */
import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Null if there is none. */
export function browserPath(): string | null {
  const named = process.env['NIGHTSHIFT_CHROMIUM'];
  if (named === undefined) return PLACES.find((path) => existsSync(path)) ?? null;
  if (named !== '') assert.ok(existsSync(named), `NIGHTSHIFT_CHROMIUM=${named}: there is no such file`);
  return named === '' ? null : named;
}

export interface View {
  readonly width: number;
  readonly height: number;
  readonly colorScheme: 'light' | 'dark';
}

/** Shows a file and hands it to `look`. */
type Show = (file: string, view: View, look: (page: Page) => Promise<void>) => Promise<void>;

export function browserTest(name: string, run: (show: Show) => Promise<void>): void {
  withBrowserTest(name, (browser) =>
    run(async (file, { width, height, colorScheme }, look) => {
      const page = await browser.newPage({ viewport: { width, height }, colorScheme });
      await page.goto(`file://${file}`);
      await look(page);
      await page.close();
    }),
  );
}

/** The same for pages that a server has. */
export function withBrowserTest(name: string, run: (browser: Browser) => Promise<void>): void {
  const executablePath = browserPath();
  if (executablePath === null) {
    console.log(`SKIP ${name}: needs Chromium`);
    test(`${name} (skipped: needs Chromium)`, () => assert.is(browserPath(), null));
    return;
  }
  test(name, async () => {
    const browser = await chromium.launch({ executablePath });
    try {
      await run(browser);
    } finally {
      await browser.close();
    }
  });
}
