/** `nightshift run`, `cancel` and `rollback`: operator commands, published as any NATS client could, and followed. */
import { randomBytes } from 'node:crypto';
import { PipelineError } from '../../contracts/errors.ts';
import { ModelDeployedSchema, type ModelDeployed } from '../../contracts/messages.ts';
import { CTL, commandRefusedSubject, modelRolledBackSubject } from '../../contracts/subjects.ts';
import type { Bus } from '../../infra/bus.ts';
import { startAndFollow } from '../follow.ts';
import { createStageView } from '../stage-view.ts';
import { onSignal } from '../signals.ts';
import { withClient } from '../with-client.ts';
import type { GlobalOptions } from '../program.ts';

/** Rolling back takes milliseconds; after this long no replica is answering. */
const ROLLBACK_TIMEOUT_MS = 60_000;

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
    await bus.publish(CTL.pipelineCancel, { runId, reason });
    process.stdout.write(`${runId} is asked to stop; see \`nightshift runs ${runId}\`\n`);
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

/** Publishes the command and waits until every live replica has switched. Throws when it is refused. */
export function rollBack(bus: Bus, model: string, reason?: string): Promise<{ deployed: ModelDeployed; ms: number }> {
  const startedAt = performance.now();
  const id = `rollback-${randomBytes(6).toString('hex')}`;
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      for (const listening of [done, refused]) listening.stop();
    };
    const done = bus.listen(modelRolledBackSubject(model), ({ envelope }) => {
      stop();
      resolve({ deployed: ModelDeployedSchema.parse(envelope.data), ms: performance.now() - startedAt });
    });
    const refused = bus.listen(commandRefusedSubject(id), ({ envelope }) => {
      stop();
      const { failure } = envelope.data as { failure: { code: 'INTERNAL'; message: string } };
      reject(new PipelineError(failure.code, failure.message));
    });
    const timer = setTimeout(() => {
      stop();
      reject(
        new PipelineError('STAGE_TIMEOUT', `${model}: no replica reported the rollback; see \`nightshift status\``),
      );
    }, ROLLBACK_TIMEOUT_MS);
    bus.publish(CTL.modelRollback, { model, reason }, { id }).catch((error) => {
      stop();
      reject(error);
    });
  });
}
