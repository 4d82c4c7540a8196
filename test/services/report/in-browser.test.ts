/** The report as people see it: in a real browser, from a telephone to a desktop, light and dark. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { reportHtml } from '../../../services/report/report-html.ts';
import { browserTest, type View } from '../../support/browser.ts';
import { withFolder } from '../../support/folder.ts';
import { hostileInput, sampleInput } from '../../support/sample-report.ts';

const VIEWS: readonly View[] = (['light', 'dark'] as const).flatMap((colorScheme) => [
  { width: 1280, height: 900, colorScheme },
  { width: 390, height: 844, colorScheme },
]);
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Each broken rule with the elements that break it. */
const VIOLATIONS =
  'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map((it) => it.html).join(" | ")}`))';
const SECTIONS =
  '[...document.querySelectorAll("section")].map((it) => ({ id: it.id, text: it.innerText.length, height: it.clientHeight }))';
/** Elements that reach beyond the page although nothing clips or scrolls them. */
const OUTSIDE =
  '[...document.querySelectorAll("main *:not(svg *)")].filter((it) => !it.closest(".scroll") && it.getBoundingClientRect().right > innerWidth + 0.5).map((it) => it.outerHTML.slice(0, 80))';
/** Texts of a drawing that the drawing cuts off. */
const CUT =
  '[...document.querySelectorAll("svg")].flatMap((svg) => { const box = svg.getBoundingClientRect(); return [...svg.querySelectorAll("text")].filter((it) => { const own = it.getBoundingClientRect(); return own.left < box.left - 1 || own.right > box.right + 1 || own.top < box.top - 1 || own.bottom > box.bottom + 1; }).map((it) => it.textContent); })';
/** Tables that have to be scrolled; with names of usual length none has to be. */
const SCROLLED =
  '[...document.querySelectorAll(".scroll")].filter((it) => it.scrollWidth > it.clientWidth).map((it) => it.ariaLabel)';
const BROKEN_IMAGES = '[...document.images].filter((it) => it.naturalWidth === 0).length';

async function check(page: Page, { width }: View): Promise<void> {
  assert.is(await page.evaluate('document.documentElement.scrollWidth'), width);
  assert.equal(await page.evaluate(OUTSIDE), []);
  assert.equal(await page.evaluate(CUT), []);
  assert.is(await page.evaluate(BROKEN_IMAGES), 0);
  const sections = await page.evaluate<{ id: string; text: number; height: number }[]>(SECTIONS);
  assert.ok(sections.length >= 9);
  for (const { id, text, height } of sections) assert.ok(text > 30 && height > 60, `${id} is empty`);
  await page.evaluate(AXE);
  assert.equal(await page.evaluate(VIOLATIONS), []);
}

browserTest('report: fits a telephone and a desktop, light and dark, and breaks no rule of accessibility', (show) =>
  withFolder(async (folder) => {
    const file = join(folder, 'report.html');
    await writeFile(file, reportHtml(await sampleInput()));
    for (const view of VIEWS) {
      await show(file, view, async (page) => {
        const said: string[] = [];
        page.on('console', (message) => said.push(message.text()));
        page.on('pageerror', (error) => said.push(String(error)));
        page.on('request', (request) => said.push(request.url().slice(0, 40)));
        await page.reload();
        // The page itself is the only thing that is asked for; its images are in it.
        assert.equal(
          said.filter((it) => !it.startsWith('data:image/png')),
          [`file://${file}`.slice(0, 40)],
        );
        await check(page, view);
        assert.equal(await page.evaluate(SCROLLED), []);
      });
    }
  }),
);

browserTest('report: hostile names change nothing but their own text', (show) =>
  withFolder(async (folder) => {
    const file = join(folder, 'report.html');
    await writeFile(file, reportHtml(await hostileInput()));
    for (const view of VIEWS.slice(0, 2)) {
      await show(file, view, async (page) => {
        assert.is(await page.evaluate('document.querySelectorAll("script, iframe, form, main [onerror]").length'), 0);
        assert.is(await page.evaluate('document.title.includes("pwned") || "pwned" in window'), false);
        await check(page, view);
      });
    }
  }),
);

test.run();
