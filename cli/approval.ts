/**
 * An operator's signed word on the candidate of a run, where an operator's key lies on this machine; nothing otherwise. Used
 * by the commands that put a candidate into service.
 */
import type { EnvelopeOfStatement } from '../contracts/signing.ts';
import { API } from '../contracts/subjects.ts';
import { ownFiles } from '../infra/config/releases.ts';
import { openSigning } from '../services/signing/signing.ts';
import { approvalStatement } from '../services/signing/statement.ts';
import type { Client } from './client.ts';
import type { GlobalOptions } from './global-options.ts';
import { pairIn } from './run-memory.ts';
import { configOf } from './with-client.ts';

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
  const pair = pairIn(context, runId);
  if (!pair) return null;
  const time = new Date().toISOString();
  return signing.sign('operator', approvalStatement(pair, { model, run: runId, reason: reason ?? null, time }));
}
