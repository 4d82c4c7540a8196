/**
 * `nightshift data show|diff|quarantine`: what a night's data was, from the sheet that the collector stored beside the run's
 * report (contracts/data-sheet.ts). Works for held runs too: the sheet is there before anything is trained.
 */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { BlobStore } from '../../contracts/blobs.ts';
import { DataSheetSchema, type DataSheet } from '../../contracts/data-sheet.ts';
import { describeIssues } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { API, BUCKETS } from '../../contracts/subjects.ts';
import { EvidenceSchema } from '../../contracts/verification.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { diffSheets, type SheetDiff } from '../../services/data/sheet-diff.ts';
import { sheetKey } from '../../services/data/sheet.ts';
import { beside, EVIDENCE_FILE } from '../../services/report/files.ts';
import type { Client } from '../client.ts';
import { plain } from '../plain.ts';
import type { GlobalOptions } from '../global-options.ts';
import { withClient } from '../with-client.ts';
import { createTable } from '../table.ts';

const NAMES_SHOWN = 20;

interface Json {
  readonly json?: boolean;
}

export async function dataShowCommand(runId: string, { json }: Json, global: GlobalOptions): Promise<void> {
  const { sheet, alike } = await withClient(global, async (client) => {
    const blobs = createBlobStore(client.nc, 'nightshift data');
    const sheet = await sheetIn(client, blobs, runId);
    return { sheet, alike: await alikeIn(blobs, sheet) };
  });
  process.stdout.write(json ? `${JSON.stringify({ ...sheet, alike })}\n` : plain(describe(sheet, alike)));
}

/** Two people and how much they are alike to the candidate. */
interface Alike {
  readonly score: number;
  readonly people: readonly string[];
}

/** Null before the verdict. */
async function alikeIn(blobs: BlobStore, { model, runId }: DataSheet): Promise<readonly Alike[] | null> {
  const ref = await blobs.find(BUCKETS.reports, beside({ key: sheetKey(model, runId) }, EVIDENCE_FILE));
  if (!ref) return null;
  const { alike } = EvidenceSchema.pick({ alike: true }).parse(JSON.parse((await blobs.get(ref)).toString()));
  const pairs = alike?.filter(({ images }) => images.length === 2);
  return pairs?.map(({ score, images }) => ({ score, people: images.map(({ person }) => person) })) ?? null;
}

export async function dataDiffCommand(from: string, to: string, { json }: Json, global: GlobalOptions): Promise<void> {
  const [before, after] = await sheetsOf([from, to], global);
  const diff = diffSheets(before!, after!);
  process.stdout.write(json ? `${JSON.stringify(diff)}\n` : plain(describeDiff(diff)));
}

export interface QuarantineOptions extends Json {
  readonly image?: number;
  readonly out?: string;
}

export async function dataQuarantineCommand(
  runId: string,
  { image, out, json }: QuarantineOptions,
  global: GlobalOptions,
): Promise<void> {
  const [sheet] = await sheetsOf([runId], global);
  const { quarantined, quarantinedTotal } = sheet!;
  if (image !== undefined) return writePicture(sheet!, image, out);
  if (json) return void process.stdout.write(`${JSON.stringify({ runId, quarantinedTotal, quarantined })}\n`);
  if (quarantinedTotal === 0) return void process.stdout.write('nothing is in quarantine\n');
  const table = createTable(['#', 'source', 'id', 'name', 'reason', 'why'], {
    wraps: { id: 12, reason: 12, why: 20 },
    drops: ['source', 'name'],
  });
  for (const [index, one] of quarantined.entries())
    table.push([
      `${index + 1}${one.picture ? ' *' : ''}`,
      ...[one.source, one.id, one.label, one.reason, one.message].map(plain),
    ]);
  const cut = quarantinedTotal > quarantined.length ? `the first ${quarantined.length} of ` : '';
  const hint = quarantined.some(({ picture }) => picture)
    ? '; * has a picture: --image <#> --out <file>'
    : '; none of them has a picture';
  process.stdout.write(`${table.toString()}\n${cut}${quarantinedTotal} in quarantine${hint}\n`);
}

/** Throws COMMAND_NOT_APPLICABLE if there is no such picture. */
async function writePicture({ runId, quarantined }: DataSheet, image: number, out: string | undefined): Promise<void> {
  const one = quarantined[image - 1];
  const lacking = (why: string) =>
    new PipelineError('COMMAND_NOT_APPLICABLE', `no picture ${image} of ${runId}: ${why}`);
  if (!one) throw lacking(`${quarantined.length} are listed`);
  if (one.picture === undefined)
    throw lacking(`it could not be decoded, or is not among the first; the source "${one.source}" has it as ${one.id}`);
  const path = resolve(out ?? `nightshift-${runId}-${image}.png`);
  await writeFile(path, Buffer.from(one.picture, 'base64'));
  process.stdout.write(`${path}\n`);
}

function sheetsOf(runIds: readonly string[], global: GlobalOptions): Promise<DataSheet[]> {
  return withClient(global, async (client) => {
    const blobs = createBlobStore(client.nc, 'nightshift data');
    const sheets: DataSheet[] = [];
    for (const runId of runIds) sheets.push(await sheetIn(client, blobs, runId));
    return sheets;
  });
}

/** Throws RUN_UNKNOWN; COMMAND_NOT_APPLICABLE where none was stored. */
async function sheetIn({ ask }: Client, blobs: BlobStore, runId: string): Promise<DataSheet> {
  const { model, state, context } = await ask(API.run, { runId });
  const ref = await blobs.find(BUCKETS.reports, sheetKey(model, runId));
  if (!ref) {
    const { forkedFrom } = context;
    const why = forkedFrom ? `it goes on with the data of ${forkedFrom.runId}` : `it stands in ${state}`;
    const hint = 'a sheet is there once the stage collect is complete, and for as long as the reports are kept';
    throw new PipelineError('COMMAND_NOT_APPLICABLE', `no data of ${runId} is stored: ${why}; ${hint}`);
  }
  const parsed = DataSheetSchema.safeParse(JSON.parse((await blobs.get(ref)).toString()));
  if (parsed.success) return parsed.data;
  throw new PipelineError('BLOB_CORRUPT', `the data of ${runId} does not fit: ${describeIssues(parsed.error)}`);
}

function describe(sheet: DataSheet, alike: readonly Alike[] | null): string {
  const { runId, model, dataset, counts, people, heldOut, strangers, findings, came, left, added, gone } = sheet;
  const images = counts.total - counts.stranger;
  const table = createTable(['source', 'type', 'images', 'names', 'quarantined', 'passed over'], {
    wraps: { 'passed over': 12 },
    drops: ['type'],
  });
  for (const { name, type, samples, people: named, quarantined, passedOver = {} } of sheet.sources) {
    const others = Object.entries(passedOver).map(([kind, count]) => `${count} x ${kind}`);
    table.push([name, type, samples, named ?? '-', quarantined, others.join(', ')]);
  }
  const lines = [
    `${runId}  ${model}  snapshot ${dataset.digest}`,
    `${people.length} enrolled with ${images} images, ${heldOut} of them held out; ${strangers} strangers with ${counts.stranger}`,
    `trained on ${counts.train}, watched ${counts.validation}, judged by ${counts.probe}${copies(sheet)}`,
    ...findings.map(({ action, check, message }) => `${action}: ${message} (checks.${check})`),
    sheet.comparedWith === null ? 'compared with nothing: no model was in service' : compared(came, left, added, gone),
    ...(alike === null || alike.length === 0
      ? []
      : [`most alike under two names: ${alike.map(describePair).join(', ')}`]),
  ];
  return `${lines.join('\n')}\n${table.toString()}\n`;
}

const describePair = ({ score, people }: Alike) => `${people.join(' and ')} ${score.toFixed(2)}`;
const copies = ({ nearCopies }: DataSheet) => (nearCopies === undefined ? '' : `; near copies: ${nearCopies}`);

function compared(
  came: readonly string[],
  left: readonly string[],
  added: DataSheet['added'],
  gone: DataSheet['gone'],
): string {
  const images = added && gone ? `; images: ${added.total} new, ${gone.total} gone` : '';
  return `beside the model in service: ${names(came)} came, ${names(left)} left${images}`;
}

function describeDiff({ from, to, same, came, left, changed, images, sources }: SheetDiff): string {
  const table = createTable(['source', from, to]);
  for (const { name, before, after } of sources) table.push([name, before ?? '-', after ?? '-']);
  const shown = changed.slice(0, NAMES_SHOWN).map(({ label, added, gone }) => `  ${label}: ${added} new, ${gone} gone`);
  const rest = changed.length > NAMES_SHOWN ? [`  and ${changed.length - NAMES_SHOWN} more`] : [];
  const lines = [
    same ? 'the same data' : `${names(came)} came, ${names(left)} left`,
    `images: ${images.before} before, ${images.after} after; ${images.added} new, ${images.gone} gone`,
    ...(changed.length > 0 ? ['other images of:', ...shown, ...rest] : []),
  ];
  return `${lines.join('\n')}\n${table.toString()}\n`;
}

function names(all: readonly string[]): string {
  if (all.length === 0) return 'nobody';
  const rest = all.length > NAMES_SHOWN ? ` and ${all.length - NAMES_SHOWN} more` : '';
  return `${all.length} (${all.slice(0, NAMES_SHOWN).join(', ')}${rest})`;
}
