/**
 * An operator's signed word on the candidate of a run, where an operator's key lies on this machine; nothing otherwise. Used
 * by the commands that put a candidate into service.
 */
import { z } from 'zod';
import { BlobRefSchema } from '../contracts/references.ts';
import { ModelPairSchema } from '../contracts/release.ts';
import type { EnvelopeOfStatement } from '../contracts/signing.ts';
import { API } from '../contracts/subjects.ts';
import { ownFiles } from '../infra/config/releases.ts';
import { openSigning } from '../services/signing/signing.ts';
import { approvalStatement } from '../services/signing/statement.ts';
import type { Client } from './client.ts';
import type { GlobalOptions } from './global-options.ts';
import { configOf } from './with-client.ts';

/** Of a run's memory, what an approval is about. */
const MemorySchema = z.object({
  candidate: BlobRefSchema,
  verification: ModelPairSchema.pick({ gallery: true, golden: true, faces: true }).extend({
    refit: BlobRefSchema.optional(),
  }),
});

/** Null without a key, or for a run without a verified candidate: the orchestrator says what it thinks of that. */
export async function signedApproval(
  { ask }: Client,
  runId: string,
  reason: string | undefined,
  global: GlobalOptions,
): Promise<EnvelopeOfStatement | null> {
  const { nats, releases } = configOf(global);
  const { keysDir } = ownFiles(nats, releases);
  const signing = openSigning({ keysDir });
  if (!signing.keyOf('operator')) return null;
  const { model, context } = await ask(API.run, { runId });
  const { data } = MemorySchema.safeParse(context);
  if (!data) return null;
  const time = new Date().toISOString();
  const { refit, ...papers } = data.verification;
  const refs = { ...papers, model: refit ?? data.candidate };
  return signing.sign('operator', approvalStatement(refs, { model, run: runId, reason: reason ?? null, time }));
}
