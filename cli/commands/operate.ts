/** `nightshift run`, `cancel` and `rollback`: operator commands, published as any NATS client could, and followed. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { ModelLedger } from '../../actors/orchestrator/api.ts';
import { PipelineError } from '../../contracts/errors.ts';
import {
  FailureSchema,
  ModelDeployedSchema,
  PipelineEventSchema,
  type ModelDeployed,
} from '../../contracts/messages.ts';
import {
  API,
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
import type { Client } from '../client.ts';
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
  options: { to?: number; reason?: string; json?: boolean },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async ({ bus, ask }) => {
    const to = options.to && (await originEpoch(ask, model, options.to));
    const { deployed, ms } = await rollBack(bus, model, options.reason, to);
    const { epoch, origin, replicas } = deployed;
    const where = `on ${replicas} ${replicas === 1 ? 'replica' : 'replicas'} after ${ms.toFixed(0)} ms`;
    const text = `${model}: epoch ${epoch} now serves the pair of epoch ${origin.epoch} (run ${origin.runId}), ${where}`;
    process.stdout.write(options.json ? `${JSON.stringify({ ...deployed, ms })}\n` : `${text}\n`);
  });
}

/** A pair has as many numbers as it was put into service; events name the first. */
async function originEpoch(ask: Client['ask'], model: string, epoch: number): Promise<number> {
  const { models } = await ask<{ models: ModelLedger[] }>(API.deployments, { model });
  return models[0]?.epochs.find((served) => served.epoch === epoch)?.origin.epoch ?? epoch;
}

/**
 * To the previous epoch, or to the pair that served first as epoch `to`. Returns when every live replica has switched. Throws when the
 * command is refused, or when a pair that had to be loaded could not be.
 */
export async function rollBack(
  bus: Bus,
  model: string,
  reason?: string,
  to?: number,
): Promise<{ deployed: ModelDeployed; ms: number }> {
  const startedAt = performance.now();
  const runId = `rollback-${randomBytes(6).toString('hex')}`;
  const { subject, envelope } = await obeyed(bus, {
    subject: CTL.modelRollback,
    data: { model, epoch: to, runId, reason },
    id: runId,
    ends: [modelRolledBackSubject(model), ...ROLLBACK_FAILURES.map((fact) => pipelineEventSubject(fact, runId))],
    // A run in its guard takes its own epoch back first, whatever is wanted then.
    isEnd: ({ subject, envelope }) => subject !== modelRolledBackSubject(model) || isWanted(envelope.data, runId, to),
    silence: `${model}: no replica reported the rollback; see \`nightshift status\``,
  });
  if (subject === modelRolledBackSubject(model)) {
    return { deployed: ModelDeployedSchema.parse(envelope.data), ms: performance.now() - startedAt };
  }
  const { failure, state } = PipelineEventSchema.parse(envelope.data);
  throw new PipelineError(failure?.code ?? 'INTERNAL', failure?.message ?? `${model}: ${runId} ended ${state}`);
}

function isWanted(data: unknown, runId: string, to: number | undefined): boolean {
  const deployed = ModelDeployedSchema.parse(data);
  return to === undefined || deployed.runId === runId || deployed.origin.epoch === to;
}

/** Ends of a rollback that did not bring the pair back. */
const ROLLBACK_FAILURES = ['failed', 'cancelled', 'needs-operator'] as const;

interface Order {
  readonly subject: CtlSubject;
  readonly data: object;
  /** Of the message; a refusal names it. */
  readonly id: string;
  /** Event subjects: the first one heard says what became of it. */
  readonly ends: readonly string[];
  /** Narrows them down; every event of these subjects is an end without it. */
  readonly isEnd?: (heard: Heard) => boolean;
  /** What to tell a person when nothing is heard in time. */
  readonly silence: string;
}

/** A command that is sent once has an id of its own; its refusal names it. */
export const newCommandId = (verb: string) => `${verb}-${randomBytes(6).toString('hex')}`;

const RefusedSchema = z.object({ failure: FailureSchema });

/** Publishes a command and resolves with the event that ends it. Throws when it is refused, or at the time limit. */
export function obeyed(bus: Bus, { subject, data, id, ends, isEnd = () => true, silence }: Order): Promise<Heard> {
  return new Promise((resolve, reject) => {
    const settle = (outcome: () => void) => {
      clearTimeout(timer);
      for (const listening of listenings) listening.stop();
      outcome();
    };
    const listenings = [
      ...ends.map((end) => bus.listen(end, (heard) => isEnd(heard) && settle(() => resolve(heard)))),
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
