/**
 * The verdict of a verification as people read it: its reasons first, then the five figures that matter beside those of
 * the champion, then the gates of the report. Shown at the end of `nightshift run` and by `nightshift run show`.
 */
import type { NatsConnection } from 'nats';
import { z } from 'zod';
import type { RunMemory } from '../contracts/api.ts';
import { NounSchema, PEOPLE, type Noun } from '../contracts/configuration/noun.ts';
import { toFailure } from '../contracts/errors.ts';
import { CompletedSchemas, type Completed } from '../contracts/messages.ts';
import { VerificationReportSchema, type Gate, type VerificationReport } from '../contracts/verification.ts';
import { createBlobStore } from '../infra/stores/blob-store.ts';
import { figureLines } from '../services/report/figures.ts';
import { createTable } from './table.ts';

export type Verification = Completed<'verify'>;

export interface Judged {
  readonly verification: Verification;
  /** Null if the report is gone, or of a program before 0.3.0. */
  readonly report: VerificationReport | null;
}

/** The verification in the memory of a run or in an event, with its report; null if nothing was verified. */
export async function readVerdict(nc: NatsConnection, verification: unknown): Promise<Judged | null> {
  // A version of the machine that this program does not know may have saved it otherwise.
  const parsed = CompletedSchemas.verify.safeParse(verification);
  return parsed.success ? { verification: parsed.data, report: await readReport(nc, parsed.data.report) } : null;
}

async function readReport(nc: NatsConnection, ref: Verification['report']): Promise<VerificationReport | null> {
  try {
    const text = (await createBlobStore(nc, 'nightshift').get(ref)).toString();
    return VerificationReportSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (toFailure(error).code === 'BLOB_MISSING') return null;
    throw error;
  }
}

const WithNounSchema = z.object({ pipeline: z.object({ noun: NounSchema }) });

/** The words for people in the configuration with which a run began. Undefined in the memory of a run of before 0.3.0. */
export const nounOf = (memory: RunMemory): Noun | undefined => WithNounSchema.safeParse(memory).data?.pipeline.noun;

export function describeVerdict({ verification, report }: Judged, noun: Noun = PEOPLE): string {
  const { verdict, admitted, reasons, figures } = verification;
  const may = verdict !== 'inconclusive' ? '' : admitted ? ', and may serve' : ', and may not serve';
  const parts = [
    `verdict: ${verdict}${may}`,
    ...reasons.map((reason) => `  ${reason}`),
    ...(figures
      ? figureLines({ ...figures, ...(report && { promise: report.promise, comparison: report.comparison }) }, noun)
      : ['its figures are those of an earlier version; see its report']),
    report ? gatesTable(report.gates) : `its report, ${verification.report.key}, is gone or of an earlier version`,
  ];
  return `${parts.join('\n')}\n`;
}

function gatesTable(gates: readonly Gate[]): string {
  const table = createTable(['gate', 'outcome', 'value', 'limit', ''], {
    wraps: { '': 20 },
    drops: ['value', 'limit'],
  });
  for (const { name, outcome, value, limit, message } of gates) {
    table.push([name, outcome, digits(value), digits(limit), message]);
  }
  return table.toString();
}

const digits = (value: number | null) => (value === null ? '-' : Number(value.toPrecision(3)));
