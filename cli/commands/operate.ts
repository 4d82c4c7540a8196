/** `nightshift run`, `cancel` and `rollback`: operator commands, published as any NATS client could, and followed. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.ts';
import { FailureSchema, ModelDeployedSchema, type ModelDeployed } from '../../contracts/messages.ts';
import {
  commandRefusedSubject,
  CTL,
  modelRolledBackSubject,
  pipelineEventSubject,
  RUN_STOPS,
  type CtlSubject,
} from '../../contracts/subjects.ts';
import type { Bus, Heard } from '../../infra/bus.ts';
import { startAndFollow } from '../follow.ts';
import { createStageView } from '../stage-view.ts';
import { onSignal } from '../signals.ts';
import { withClient } from '../with-client.ts';
import type { GlobalOptions } from '../program.ts';

/** Rolling back takes milliseconds, stopping a run as long as its worker needs to notice: later, nobody is there. */
const ANSWER_TIMEOUT_MS = 60_000;

export const newRunId = (now: Date) => {
  const [day, clock] = now.toISOString().replaceAll(/[-:]/g, '').split(/[T.]/);
  return `run-${day}-${clock}-${randomBytes(2).toString('hex')}`;
};

export async function runCommand(
  model: string,
  options: { detach?: boolean; json?: boolean },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async ({ bus }) => {
    const runId = newRunId(new Date());
    if (options.detach) {
      await bus.publish(CTL.pipelineStart, { model, runId }, { id: `${runId}.start` });
      process.stdout.write(
        options.json
          ? `${JSON.stringify({ runId })}\n`
          : `${runId} is asked for; follow it with \`nightshift runs ${runId}\`\n`,
      );
      return;
    }
    const interrupted = new AbortController();
    const off = onSignal(() =>
      interrupted.abort(
        new PipelineError('CANCELLED', `stopped watching; ${runId} goes on: \`nightshift runs ${runId}\``),
      ),
    );
    const view = createStageView(process.stderr);
    process.stderr.write(`${runId}\n`);
    const end = await startAndFollow(bus, { model, runId }, view, interrupted.signal).finally(() => {
      view.close();
      off();
    });
    const why = end.failure ? `: ${end.failure.message}` : '';
    process.stdout.write(
      options.json ? `${JSON.stringify({ ...end, stagesMs: view.durationsMs })}\n` : `${runId} ${end.fact}${why}\n`,
    );
    process.exitCode = end.fact === 'completed' ? 0 : 1;
  });
}

export async function cancelCommand(
  runId: string,
  { reason }: { reason?: string },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async ({ bus }) => {
    const { subject } = await obeyed(bus, {
      subject: CTL.pipelineCancel,
      data: { runId, reason },
      id: `cancel-${randomBytes(6).toString('hex')}`,
      ends: RUN_STOPS.map((fact) => pipelineEventSubject(fact, runId)),
      silence: `${runId} has not ended yet; see \`nightshift runs ${runId}\``,
    });
    const fact = subject.split('.')[3];
    process.stdout.write(`${runId} ${fact}\n`);
    // A run that had committed already ends by rolling back.
    process.exitCode = fact === 'cancelled' || fact === 'rolled-back' ? 0 : 1;
  });
}

export async function rollbackCommand(
  model: string,
  options: { reason?: string; json?: boolean },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async ({ bus }) => {
    const { deployed, ms } = await rollBack(bus, model, options.reason);
    const text = `${model}: epoch ${deployed.epoch} serves the model of epoch ${deployed.previousEpoch ?? '-'}'s predecessor after ${ms.toFixed(0)} ms on ${deployed.replicas} replica(s)`;
    process.stdout.write(options.json ? `${JSON.stringify({ ...deployed, ms })}\n` : `${text}\n`);
  });
}

/** Returns when every live replica has switched. Throws when the command is refused. */
export async function rollBack(
  bus: Bus,
  model: string,
  reason?: string,
): Promise<{ deployed: ModelDeployed; ms: number }> {
  const startedAt = performance.now();
  const { envelope } = await obeyed(bus, {
    subject: CTL.modelRollback,
    data: { model, reason },
    id: `rollback-${randomBytes(6).toString('hex')}`,
    ends: [modelRolledBackSubject(model)],
    silence: `${model}: no replica reported the rollback; see \`nightshift status\``,
  });
  return { deployed: ModelDeployedSchema.parse(envelope.data), ms: performance.now() - startedAt };
}

interface Order {
  readonly subject: CtlSubject;
  readonly data: object;
  /** Of the message; a refusal names it. */
  readonly id: string;
  /** Event subjects: the first one heard says what became of it. */
  readonly ends: readonly string[];
  /** What to tell a person when nothing is heard in time. */
  readonly silence: string;
}

/** A command that is sent once has an id of its own; its refusal names it. */
export const newCommandId = (verb: string) => `${verb}-${randomBytes(6).toString('hex')}`;

const RefusedSchema = z.object({ failure: FailureSchema });

/** Publishes a command and resolves with the event that ends it. Throws when it is refused, or at the time limit. */
export function obeyed(bus: Bus, { subject, data, id, ends, silence }: Order): Promise<Heard> {
  return new Promise((resolve, reject) => {
    const settle = (outcome: () => void) => {
      clearTimeout(timer);
      for (const listening of listenings) listening.stop();
      outcome();
    };
    const listenings = [
      ...ends.map((end) => bus.listen(end, (heard) => settle(() => resolve(heard)))),
      bus.listen(commandRefusedSubject(id), ({ envelope }) => {
        const { code, message } = RefusedSchema.parse(envelope.data).failure;
        settle(() => reject(new PipelineError(code, message)));
      }),
    ];
    const timer = setTimeout(
      () => settle(() => reject(new PipelineError('STAGE_TIMEOUT', silence))),
      ANSWER_TIMEOUT_MS,
    );
    bus.publish(subject, data, { id }).catch((error) => settle(() => reject(error)));
  });
}
