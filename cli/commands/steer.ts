/**
 * `nightshift pause`, `resume`, `approve`, `reject`, `retry`, `fork` and `bless`: commands about one run, published as any NATS
 * client could. Each prints what an orchestrator answered and ends; `nightshift run show <runId>` shows what follows.
 */
import { readFileSync } from 'node:fs';
import { PipelineError } from '../../contracts/errors.ts';
import type { Outcome } from '../../contracts/commands.ts';
import { stateInWords } from '../../contracts/run-words.ts';
import type { EnvelopeOfStatement } from '../../contracts/signing.ts';
import type { Stage } from '../../contracts/subjects.ts';
import { CTL } from '../../contracts/subjects.ts';
import { sendCommand } from '../../infra/messaging/send-command.ts';
import { signedApproval } from '../approval.ts';
import type { Client } from '../client.ts';
import type { GlobalOptions } from '../global-options.ts';
import { withClient } from '../with-client.ts';
import { newCommandId, newRunId } from './operate.ts';

/** The subject of each verb, and how its success is told. */
export const STEER = {
  pause: { subject: CTL.pipelinePause, done: 'is paused: what is under way may end, nothing new begins' },
  resume: { subject: CTL.pipelineResume, done: 'goes on' },
  approve: { subject: CTL.pipelineApprove, done: 'is approved and goes on' },
  reject: { subject: CTL.pipelineReject, done: 'is rejected; the model in service stays' },
} as const;
export type SteerVerb = keyof typeof STEER;

interface Output {
  readonly json?: boolean;
}

export async function steerCommand(
  verb: SteerVerb,
  runId: string,
  { reason, json }: Output & { reason?: string },
  global: GlobalOptions,
): Promise<void> {
  const { subject, done } = STEER[verb];
  const sign = verb === 'approve' ? (client: Client) => signedApproval(client, runId, reason, global) : undefined;
  const outcome = await sent(global, verb, subject, { runId, reason }, sign);
  print(outcome, json, `${runId} ${done}${outcome.changed ? '' : ' (it was so before)'}; ${inWords(outcome)}`);
}

export async function retryCommand(
  runId: string,
  { reason, json }: Output & { reason?: string },
  global: GlobalOptions,
) {
  const outcome = await sent(global, 'retry', CTL.pipelineRetry, { runId, reason });
  print(outcome, json, `${runId} is retried as ${outcome.runId}; ${inWords(outcome)}`);
}

export async function blessCommand(
  runId: string,
  { by, reason, json }: Output & { by: string; reason: string },
  global: GlobalOptions,
) {
  const data = { runId, by, reason, newRunId: newRunId(new Date()) };
  const sign = (client: Client) => signedApproval(client, runId, reason, global);
  const outcome = await sent(global, 'bless', CTL.pipelineBless, data, sign);
  print(outcome, json, `the candidate of ${runId} goes into service as ${outcome.runId}; ${inWords(outcome)}`);
}

export interface ForkOptions extends Output {
  readonly from: Stage;
  /** JSON, or `@file` with JSON in it. */
  readonly changes?: string;
  readonly reason?: string;
}

export async function forkCommand(runId: string, options: ForkOptions, global: GlobalOptions): Promise<void> {
  const { from, changes, reason, json } = options;
  const data = { runId, from, changes: readChanges(changes), newRunId: newRunId(new Date()), reason };
  const outcome = await sent(global, 'fork', CTL.pipelineFork, data);
  print(outcome, json, `${runId} is forked from ${from} as ${outcome.runId}; ${inWords(outcome)}`);
}

function sent(
  global: GlobalOptions,
  verb: string,
  subject: Parameters<typeof sendCommand>[1]['subject'],
  data: object,
  sign: (client: Client) => Promise<EnvelopeOfStatement | null> = () => Promise.resolve(null),
) {
  const silence = `no orchestrator has answered; the ${verb} is stored and is obeyed when one runs`;
  return withClient(global, async (client) => {
    const approval = await sign(client);
    const signed = approval ? { ...data, approval } : data;
    return sendCommand(client.bus, { subject, data: signed, id: newCommandId(verb), silence });
  });
}

const print = (outcome: Outcome, json: boolean | undefined, text: string) =>
  void process.stdout.write(json ? `${JSON.stringify(outcome)}\n` : `${text}\n`);

function readChanges(text: string | undefined): unknown {
  if (text === undefined) return {};
  try {
    return JSON.parse(text.startsWith('@') ? readFileSync(text.slice(1), 'utf8') : text);
  } catch (cause) {
    const example = `'{"training":{"epochs":5}}'`;
    throw new PipelineError(
      'CONFIG_INVALID',
      `--changes: ${(cause as Error).message}; expected JSON such as ${example}`,
    );
  }
}

const inWords = ({ state }: { readonly state: string | null }): string =>
  state === null ? 'it moved no run' : `it is ${stateInWords(state)}`;
