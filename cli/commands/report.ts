/**
 * `nightshift report <run>`: the report of a run's verification as one HTML file, as JSON, or as the model card. Drawn
 * here from what the verifier stored; what was pruned since is said to be gone in its place.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { API } from '../../contracts/subjects.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { figureLines } from '../../services/report/figures.ts';
import type { ReportInput } from '../../services/report/input.ts';
import { modelCard } from '../../services/report/model-card.ts';
import { reportHtml } from '../../services/report/report-html.ts';
import { inputOf, memoryOf, parseReport } from '../../services/report/stored.ts';
import type { GlobalOptions } from '../global-options.ts';
import { withClient } from '../with-client.ts';

export interface ReportOptions {
  readonly out?: string;
  readonly json?: boolean;
  readonly card?: boolean;
  readonly open?: boolean;
}

export async function reportCommand(runId: string, options: ReportOptions, global: GlobalOptions): Promise<void> {
  const page = await withClient(global, async ({ nc, ask }) => {
    const blobs = createBlobStore(nc, 'nightshift report');
    const run = await ask(API.run, { runId });
    const memory = memoryOf(run);
    const stored: unknown = JSON.parse((await blobs.get(memory.verification.report)).toString());
    if (options.json) process.stdout.write(`${JSON.stringify(stored)}\n`);
    // As it is stored, in whichever format.
    if (options.json && !options.out && !options.open) return null;
    const { input, snapshot } = await inputOf(blobs, memory, parseReport(runId, stored));
    if (options.card) process.stdout.write(modelCard({ ...input, snapshot }));
    return options.card && !options.out && !options.open ? null : input;
  });
  if (page === null) return;
  const path = resolve(options.out ?? `nightshift-${runId}.html`);
  await writeFile(path, reportHtml(page));
  if (!options.json && !options.card) process.stdout.write(summaryOf(path, page));
  if (options.open) await openFile(path);
}

function summaryOf(path: string, { report, noun }: ReportInput): string {
  const { runId, model, verdict, admitted, reasons } = report;
  const lines = [
    path,
    `${runId}  ${model}  ${verdict}${verdict === 'inconclusive' ? (admitted ? ', may serve' : ', does not serve') : ''}`,
    ...reasons.map((reason) => `  ${reason}`),
    ...figureLines(report, noun).map((line) => `  ${line}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** A machine without a desktop has no such program; the file is there all the same. */
async function openFile(path: string): Promise<void> {
  const [program, ...before] = openerOf(process.platform);
  const child = spawn(program, [...before, path], { detached: true, stdio: 'ignore' });
  child.unref();
  await once(child, 'spawn').catch((error: unknown) => {
    process.stderr.write(`nightshift: ${program} could not open it: ${(error as Error).message}\n`);
  });
}

function openerOf(platform: NodeJS.Platform): [string, ...string[]] {
  if (platform === 'darwin') return ['open'];
  return platform === 'win32' ? ['cmd', '/c', 'start', ''] : ['xdg-open'];
}
