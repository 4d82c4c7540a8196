/**
 * `nightshift report <run>`: the report of a run's verification as one HTML file, as JSON, or as the model card. Drawn
 * here from what the verifier stored; what was pruned since is said to be gone in its place.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { Answer } from '../../contracts/api.ts';
import type { BlobStore } from '../../contracts/blobs.ts';
import { NounSchema, PEOPLE } from '../../contracts/configuration/noun.ts';
import { DatasetManifestSchema } from '../../contracts/dataset.ts';
import { describeIssues } from '../../contracts/envelope.ts';
import { PipelineError, type ErrorCode } from '../../contracts/errors.ts';
import { BlobRefSchema, type BlobRef } from '../../contracts/references.ts';
import { API } from '../../contracts/subjects.ts';
import { LearningCurveSchema } from '../../contracts/training.ts';
import { EvidenceSchema, VerificationReportSchema, type VerificationReport } from '../../contracts/verification.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { dataSummaryOf, type DataSummary } from '../../services/report/data-summary.ts';
import { figureLines } from '../../services/report/figures.ts';
import { beside, CURVE_FILE, DATA_FILE, EVIDENCE_FILE } from '../../services/report/files.ts';
import type { ReportInput } from '../../services/report/input.ts';
import { modelCard } from '../../services/report/model-card.ts';
import { reportHtml } from '../../services/report/report-html.ts';
import type { GlobalOptions } from '../global-options.ts';
import { withClient } from '../with-client.ts';

export interface ReportOptions {
  readonly out?: string;
  readonly json?: boolean;
  readonly card?: boolean;
  readonly open?: boolean;
}

const ABSENT: readonly ErrorCode[] = ['BLOB_MISSING', 'PERMISSION_DENIED'];

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

/** Of a run's memory, the parts that lead to its report. */
const MemorySchema = z.object({
  dataset: BlobRefSchema.nullish(),
  candidate: BlobRefSchema.nullish(),
  verification: z.object({ report: BlobRefSchema }),
  pipeline: z.object({ noun: NounSchema.optional() }).optional(),
});
type Memory = z.infer<typeof MemorySchema>;

/** Throws COMMAND_NOT_APPLICABLE while there is no report, and for a run that never has one. */
function memoryOf({ runId, kind, state, status, failure, context }: Answer<typeof API.run>): Memory {
  const { data } = MemorySchema.safeParse(context);
  if (data) return data;
  const why =
    kind === 'rollback'
      ? 'a rollback verifies nothing'
      : status === 'done'
        ? `it ended (${state}) without a verification${failure === null ? '' : `: ${failure}`}`
        : `it stands in ${state}; a report is there once the stage verify is complete`;
  throw new PipelineError('COMMAND_NOT_APPLICABLE', `no report of ${runId}: ${why}`);
}

/** Throws COMMAND_NOT_APPLICABLE for a format of before, BLOB_CORRUPT for what is no report at all. */
function parseReport(runId: string, stored: unknown): VerificationReport {
  const report = VerificationReportSchema.safeParse(stored);
  if (report.success) return report.data;
  const { data: old } = z.object({ format: z.string() }).safeParse(stored);
  const wanted = VerificationReportSchema.shape.format.value;
  if (!old || old.format === wanted)
    throw new PipelineError('BLOB_CORRUPT', `the report of ${runId} does not fit: ${describeIssues(report.error)}`);
  throw new PipelineError(
    'COMMAND_NOT_APPLICABLE',
    `the report of ${runId} has the format ${old.format}, and this version draws ${wanted}; --json prints it as it is`,
  );
}

async function inputOf(
  blobs: BlobStore,
  { dataset, candidate, verification, pipeline }: Memory,
  report: VerificationReport,
): Promise<{ input: ReportInput; snapshot: string | null }> {
  const found = (ref: BlobRef | null | undefined, file: string) =>
    ref ? blobs.find('REPORTS', beside(ref, file)) : null;
  const [evidence, summary, curve] = await Promise.all([
    found(verification.report, EVIDENCE_FILE),
    found(verification.report, DATA_FILE),
    found(candidate, CURVE_FILE),
  ]);
  // Of a run of before 0.4.0, by those who may read the snapshot.
  const manifest = summary ? null : await read(blobs, dataset, DatasetManifestSchema);
  const input = {
    report,
    evidence: await read(blobs, evidence, EvidenceSchema),
    curve: await read(blobs, curve, LearningCurveSchema),
    data: (await read(blobs, summary, DataSummarySchema)) ?? (manifest && dataSummaryOf(manifest)),
    noun: pipeline?.noun ?? PEOPLE,
  };
  return { input, snapshot: dataset?.digest ?? null };
}

/** Only a verifier writes it. */
const DataSummarySchema = z.custom<DataSummary>(
  (value) => typeof value === 'object' && value !== null && 'quarantinedListed' in value,
  'the figures of a snapshot',
);

/** Null if it is not stored, or no longer, or not for us to read. Throws BLOB_CORRUPT if it does not fit. */
async function read<T>(blobs: BlobStore, ref: BlobRef | null | undefined, schema: z.ZodType<T>): Promise<T | null> {
  if (!ref) return null;
  const bytes = await blobs.get(ref).catch((error: unknown) => {
    if (error instanceof PipelineError && ABSENT.includes(error.code)) return null;
    throw error;
  });
  if (bytes === null) return null;
  const parsed = schema.safeParse(JSON.parse(bytes.toString()));
  if (parsed.success) return parsed.data;
  const message = `nightshift report: object ${ref.bucket}/${ref.key} does not fit: ${describeIssues(parsed.error)}`;
  throw new PipelineError('BLOB_CORRUPT', message);
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
