/** `nightshift run`, `cancel` and `rollback`: operator commands, published as any NATS client could, and followed. */
import { randomBytes } from 'node:crypto';
import { PEOPLE } from '../../contracts/configuration/noun.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { OutcomeSchema } from '../../contracts/commands.ts';
import { ModelDeployedSchema, PipelineEventSchema, type ModelDeployed } from '../../contracts/messages.ts';
import { parseSubject } from '../../contracts/parse-subject.ts';
import {
  API,
  commandAcceptedSubject,
  CTL,
  modelRolledBackSubject,
  pipelineEventSubject,
  RUN_STOPS,
  type PipelineFact,
} from '../../contracts/subjects.ts';
import type { Bus, Heard } from '../../infra/messaging/bus.ts';
import { followCommand } from '../../infra/messaging/send-command.ts';
import { startAndFollow, type RunWatcher } from '../follow.ts';
import { createStageView, nounIn } from '../stage-view.ts';
import { onSignal } from '../signals.ts';
import { describeVerdict, readVerdict } from '../verdict-view.ts';
import type { Client } from '../client.ts';
import { withClient } from '../with-client.ts';
import type { GlobalOptions } from '../global-options.ts';

export const newRunId = (now: Date) => {
  const [day, clock] = now.toISOString().replaceAll(/[-:]/g, '').split(/[T.]/);
  return `run-${day}-${clock}-${randomBytes(2).toString('hex')}`;
};

/** An orchestrator answers within milliseconds, or within a few seconds if it is just starting. */
const SILENCE_MS = 10_000;
const NOBODY =
  `nightshift: no orchestrator has answered for ${SILENCE_MS / 1000} s; is one running? The command is stored: the run ` +
  'begins when one starts. Still waiting; Ctrl-C ends the waiting.\n';

export async function runCommand(
  model: string,
  options: { detach?: boolean; force?: boolean; json?: boolean },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async ({ bus, nc }) => {
    const runId = newRunId(new Date());
    const { force } = options;
    if (options.detach) {
      await bus.publish(CTL.pipelineStart, { model, runId, force }, { id: `${runId}.start` });
      process.stdout.write(
        options.json
          ? `${JSON.stringify({ runId })}\n`
          : `${runId} is asked for; follow it with \`nightshift run show ${runId}\`\n`,
      );
      return;
    }
    const interrupted = new AbortController();
    const off = onSignal(() =>
      interrupted.abort(
        new PipelineError('CANCELLED', `stopped watching; ${runId} goes on: \`nightshift run show ${runId}\``),
      ),
    );
    const view = createStageView(process.stderr);
    process.stderr.write(`${runId}\n`);
    const unanswered = setTimeout(() => process.stderr.write(NOBODY), SILENCE_MS);
    let verification: unknown = null;
    let noun = PEOPLE;
    const watcher: RunWatcher = {
      ...view,
      completed: (stage, data) => {
        if (stage === 'collect') noun = nounIn(data);
        if (stage === 'verify') verification = data;
        view.completed(stage, data);
      },
      advanced: (state: string) => {
        clearTimeout(unanswered);
        view.advanced(state);
      },
    };
    const end = await startAndFollow(bus, { model, runId, force }, watcher, interrupted.signal).finally(() => {
      clearTimeout(unanswered);
      view.close();
      off();
    });
    const judged = await readVerdict(nc, verification);
    const why = end.failure ? `: ${end.failure.message}` : '';
    const verdict = judged ? describeVerdict(judged, noun) : '';
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ ...end, stagesMs: view.durationsMs, ...(judged ?? NOT_JUDGED) })}\n`
        : `${runId} ${end.fact}${why}\n${verdict}`,
    );
    process.exitCode = GOOD_ENDS.includes(end.fact) ? 0 : 1;
  });
}

/** Nothing is left to do after these. */
const GOOD_ENDS: readonly PipelineFact[] = ['completed', 'unchanged'];
const NOT_JUDGED = { verification: null, report: null };

/** If the worker stays silent, stopping takes three questions with back-off; see docs/operations.md. */
const CANCEL_TIMEOUT_MS = 180_000;

export async function cancelCommand(
  runId: string,
  { reason, force, json }: { reason?: string; force?: boolean; json?: boolean },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async ({ bus }) => {
    const id = newCommandId('cancel');
    const heard = await followCommand(bus, {
      subject: CTL.pipelineCancel,
      data: { runId, reason, force },
      id,
      ends: [commandAcceptedSubject(id), ...RUN_STOPS.map((fact) => pipelineEventSubject(fact, runId))],
      isEnd: (heard) => endOf(heard) !== null,
      silence: `${runId} has not ended yet; see \`nightshift run show ${runId}\`, or cancel it with --force`,
      timeoutMs: CANCEL_TIMEOUT_MS,
    });
    const fact = endOf(heard);
    process.stdout.write(json ? `${JSON.stringify({ runId, fact })}\n` : `${runId} ${fact}\n`);
    // A run that had committed already ends by rolling back.
    process.exitCode = fact === 'cancelled' || fact === 'rolled-back' ? 0 : 1;
  });
}

/** The run's end, or null if the command was accepted and the run has yet to end. */
function endOf({ subject, envelope }: Heard): string | null {
  const { data: outcome } = OutcomeSchema.safeParse(envelope.data);
  if (!outcome) {
    const event = parseSubject(subject);
    return event.family === 'pipeline-event' ? event.fact : null;
  }
  if (outcome.state === 'cancelled') return 'cancelled';
  return outcome.state === 'rolledBack' ? 'rolled-back' : null;
}

export async function rollbackCommand(
  model: string,
  options: { to?: number; reason?: string; json?: boolean },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async ({ bus, ask }) => {
    const to = options.to && (await originRelease(ask, model, options.to));
    const { deployed, ms } = await rollBack(bus, model, options.reason, to);
    const { release, origin, replicas } = deployed;
    const where = `on ${replicas} ${replicas === 1 ? 'replica' : 'replicas'} after ${ms.toFixed(0)} ms`;
    const text = `${model}: release ${release} now serves the pair of release ${origin.release} (run ${origin.runId}), ${where}`;
    process.stdout.write(options.json ? `${JSON.stringify({ ...deployed, ms })}\n` : `${text}\n`);
  });
}

/** A pair has as many numbers as it was put into service; events name the first. */
async function originRelease(ask: Client['ask'], model: string, release: number): Promise<number> {
  const { models } = await ask(API.deployments, { model });
  return models[0]?.releases.find((served) => served.release === release)?.origin.release ?? release;
}

/**
 * To the previous release, or to the pair that served first as release `to`. Returns when every live replica has
 * switched. Throws if the command is refused, or if a pair that had to be loaded could not be.
 */
export async function rollBack(
  bus: Bus,
  model: string,
  reason?: string,
  to?: number,
): Promise<{ deployed: ModelDeployed; ms: number }> {
  const startedAt = performance.now();
  const runId = `rollback-${randomBytes(6).toString('hex')}`;
  const { subject, envelope } = await followCommand(bus, {
    subject: CTL.modelRollback,
    data: { model, release: to, runId, reason },
    id: runId,
    ends: [modelRolledBackSubject(model), ...ROLLBACK_FAILURES.map((fact) => pipelineEventSubject(fact, runId))],
    // A run in its guard takes its own release back first, whatever is wanted then.
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
  return to === undefined || deployed.runId === runId || deployed.origin.release === to;
}

/** Ends of a rollback that did not bring the pair back. */
const ROLLBACK_FAILURES = ['failed', 'cancelled', 'needs-operator'] as const;

/** A command that is sent once has an id of its own; its refusal names it. */
export const newCommandId = (verb: string) => `${verb}-${randomBytes(6).toString('hex')}`;
