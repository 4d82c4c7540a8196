/**
 * What a run's workers left beside its events: the report of the verification, the data sheet, the learning curve. They
 * show pictures of people, so they are read with the rights of an operator who has logged in, and of nobody else.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { DataSheetSchema } from '../../contracts/data-sheet.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { BlobRefSchema, TokenSchema } from '../../contracts/references.ts';
import { API, BUCKETS } from '../../contracts/subjects.ts';
import { LearningCurveSchema } from '../../contracts/training.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { beside, CURVE_FILE, SHEET_FILE } from '../../services/report/files.ts';
import { reportHtml } from '../../services/report/report-html.ts';
import { inputOf, memoryOf, parseReport, readPart } from '../../services/report/stored.ts';
import type { ApiOptions } from './api.ts';
import { demand } from './callers.ts';

/** The report has its style inside of it, and pictures; no script. */
const REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox";

export function addEvidence(app: FastifyInstance, options: ApiOptions): void {
  app.get('/api/v1/runs/:runId/evidence', async (request) => {
    const { run, blobs } = await opened(options, request);
    const candidate = BlobRefSchema.safeParse(run.context['candidate']).data;
    const find = (key: string) => blobs.find(BUCKETS.reports, key);
    const [sheet, curve, report] = await Promise.all([
      find(`${run.model}/${run.runId}/${SHEET_FILE}`).then((ref) => readPart(blobs, ref, DataSheetSchema)),
      candidate && find(beside(candidate, CURVE_FILE)).then((ref) => readPart(blobs, ref, LearningCurveSchema)),
      reportOf({ run, blobs }).catch(nullIfNone),
    ]);
    return { report: report?.parsed ?? null, sheet, curve: curve ?? null };
  });
  app.get('/api/v1/runs/:runId/report', async (request, reply) => {
    const of = await opened(options, request);
    const { memory, parsed } = await reportOf(of);
    const { input } = await inputOf(of.blobs, memory, parsed);
    const headers = { 'content-security-policy': REPORT_POLICY };
    return reply.headers(headers).type('text/html; charset=utf-8').send(reportHtml(input));
  });
}

async function opened({ answers, connections }: ApiOptions, { caller, params }: FastifyRequest) {
  demand(caller, 'evidence');
  const { runId } = params as { runId: string }; // As the routes above have it.
  if (!TokenSchema.safeParse(runId).success) throw new PipelineError('REQUEST_INVALID', `"${runId}" names no run`);
  const run = await answers.of(API.run, { runId });
  return { run, blobs: createBlobStore(await connections.of(caller), 'gateway') };
}

/** Throws COMMAND_NOT_APPLICABLE where there is none, BLOB_MISSING where it is no more. */
async function reportOf({ run, blobs }: Awaited<ReturnType<typeof opened>>) {
  const memory = memoryOf(run);
  const stored: unknown = JSON.parse((await blobs.get(memory.verification.report)).toString());
  return { memory, parsed: parseReport(run.runId, stored) };
}

function nullIfNone(error: unknown): null {
  if (error instanceof PipelineError && ['COMMAND_NOT_APPLICABLE', 'BLOB_MISSING'].includes(error.code)) return null;
  throw error;
}
