/**
 * The console in a browser, for tests: what every page of it must be, at each width, and pictures of it for people who set
 * NIGHTSHIFT_SCREENSHOTS to a folder.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import * as assert from 'uvu/assert';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Each broken rule with the elements that break it. */
const VIOLATIONS =
  'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map((it) => it.html).join(" | ")}`))';
/** Elements that reach beyond the page. */
const OUTSIDE =
  '[...document.querySelectorAll("body *:not(svg *):not(.skip)")].filter((it) => it.getBoundingClientRect().right > innerWidth + 0.5).map((it) => it.outerHTML.slice(0, 120))';
/** Texts of a drawing that the drawing cuts off. */
const CUT =
  '[...document.querySelectorAll("svg")].flatMap((svg) => { const box = svg.getBoundingClientRect(); return [...svg.querySelectorAll("text")].filter((it) => { const own = it.getBoundingClientRect(); return own.left < box.left - 1 || own.right > box.right + 1; }).map((it) => it.textContent); })';
const EMPTY =
  '[...document.querySelectorAll("main section")].filter((it) => it.innerText.trim().length < 12 || it.clientHeight < 50).map((it) => it.id)';

/** Fits, tells something in each section, and breaks no rule of accessibility. */
export async function checkPage(page: Page, name: string): Promise<void> {
  const folder = process.env['NIGHTSHIFT_SCREENSHOTS'];
  const width = page.viewportSize()!.width; // Every page of ours has one.
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}-${width}.png`), fullPage: true });
  assert.is(await page.evaluate('document.documentElement.scrollWidth'), width, name);
  assert.equal(await page.evaluate(OUTSIDE), [], name);
  assert.equal(await page.evaluate(CUT), [], name);
  assert.equal(await page.evaluate(EMPTY), [], name);
  assert.equal(await page.evaluate(`(() => { ${AXE}; return ${VIOLATIONS}; })()`), [], name);
}

/** All that the page says that it should not: errors, refused content, and calls to anybody but the gateway. */
export function heardOf(page: Page, base: string): readonly string[] {
  const said: string[] = [];
  page.on('console', (message) => {
    // A refusal of the API is an answer, which the browser reports all the same.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) said.push(message.text());
  });
  page.on('pageerror', (error) => said.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(`${base}/`) && !/^(data|blob):/.test(request.url())) said.push(request.url());
  });
  return said;
}

/** Logs in with the token, by the page's own dialog. Somebody who is logged in is logged out. */
export async function logIn(page: Page, token: string, role = 'operator'): Promise<void> {
  const out = page.getByRole('button', { name: 'Log out' });
  if (await out.isVisible()) await out.click();
  await page.getByRole('button', { name: 'Log in' }).first().click();
  await page.getByLabel('Token').fill(token);
  await page.getByRole('dialog').getByRole('button', { name: 'Log in' }).click();
  await page.getByText(`(${role})`).waitFor();
}

/** Presses the button of an act and confirms it. */
export async function act(page: Page, label: string, reason?: string): Promise<void> {
  await page.getByRole('main').getByRole('button', { name: label, exact: true }).first().click();
  const dialog = page.getByRole('dialog');
  if (reason !== undefined) await dialog.getByLabel('Reason').fill(reason);
  await dialog.getByRole('button', { name: label, exact: true }).click();
}
