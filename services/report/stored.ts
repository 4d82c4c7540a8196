/**
 * Reads what a report is drawn from out of the blob store: for `nightshift report`, and for the gateway. Parts beside the
 * report that were pruned since are null.
 */
import { z } from 'zod';
import type { Answer } from '../../contracts/api.ts';
import type { BlobStore } from '../../contracts/blobs.ts';
import { NounSchema, PEOPLE } from '../../contracts/configuration/noun.ts';
import { DataSheetSchema } from '../../contracts/data-sheet.ts';
import { DatasetManifestSchema } from '../../contracts/dataset.ts';
import { describeIssues } from '../../contracts/envelope.ts';
import { PipelineError, type ErrorCode } from '../../contracts/errors.ts';
import { BlobRefSchema, type BlobRef } from '../../contracts/references.ts';
import type { API } from '../../contracts/subjects.ts';
import { LearningCurveSchema } from '../../contracts/training.ts';
import { EvidenceSchema, VerificationReportSchema, type VerificationReport } from '../../contracts/verification.ts';
import { dataSummaryOf, type DataSummary } from './data-summary.ts';
import { beside, CURVE_FILE, DATA_FILE, EVIDENCE_FILE, SHEET_FILE } from './files.ts';
import type { ReportInput } from './input.ts';

type Run = Answer<typeof API.run>;

const ABSENT: readonly ErrorCode[] = ['BLOB_MISSING', 'PERMISSION_DENIED'];

/** Of a run's memory, the parts that lead to its report. */
const MemorySchema = z.object({
  dataset: BlobRefSchema.nullish(),
  candidate: BlobRefSchema.nullish(),
  verification: z.object({ report: BlobRefSchema }),
  pipeline: z.object({ noun: NounSchema.optional() }).optional(),
});
type Memory = z.infer<typeof MemorySchema>;

/** Throws COMMAND_NOT_APPLICABLE while there is no report, and for a run that never has one. */
export function memoryOf({ runId, kind, state, status, failure, context }: Run): Memory {
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
export function parseReport(runId: string, stored: unknown): VerificationReport {
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

export async function inputOf(
  blobs: BlobStore,
  { dataset, candidate, verification, pipeline }: Memory,
  report: VerificationReport,
): Promise<{ input: ReportInput; snapshot: string | null }> {
  const found = (ref: BlobRef | null | undefined, file: string) =>
    ref ? blobs.find('REPORTS', beside(ref, file)) : null;
  const [evidence, summary, sheet, curve] = await Promise.all([
    found(verification.report, EVIDENCE_FILE),
    found(verification.report, DATA_FILE),
    found(verification.report, SHEET_FILE),
    found(candidate, CURVE_FILE),
  ]);
  // Of a run of before 0.4.0, by those who may read the snapshot.
  const manifest = summary ? null : await readPart(blobs, dataset, DatasetManifestSchema);
  const input = {
    report,
    evidence: await readPart(blobs, evidence, EvidenceSchema),
    curve: await readPart(blobs, curve, LearningCurveSchema),
    data: (await readPart(blobs, summary, DataSummarySchema)) ?? (manifest && dataSummaryOf(manifest)),
    sheet: await readPart(blobs, sheet, DataSheetSchema),
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
export async function readPart<T>(
  blobs: BlobStore,
  ref: BlobRef | null | undefined,
  schema: z.ZodType<T>,
): Promise<T | null> {
  if (!ref) return null;
  const bytes = await blobs.get(ref).catch((error: unknown) => {
    if (error instanceof PipelineError && ABSENT.includes(error.code)) return null;
    throw error;
  });
  if (bytes === null) return null;
  const unfit = (why: string, cause?: unknown) =>
    new PipelineError('BLOB_CORRUPT', `report: object ${ref.bucket}/${ref.key} does not fit: ${why}`, { cause });
  let raw: unknown;
  try {
    raw = JSON.parse(bytes.toString());
  } catch (cause) {
    throw unfit('it is no JSON', cause);
  }
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw unfit(describeIssues(parsed.error));
}
