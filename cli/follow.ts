/**
 * Follows one run by its events, from its start to its end, as `nats sub 'nightshift.evt.*.*.<runId>'` would show
 * them. Shared by `nightshift run` and the demo.
 */
import { z } from 'zod';
import { FailedSchema, FailureSchema, PipelineEventSchema, ProgressedSchema } from '../contracts/messages.ts';
import { parseSubject } from '../contracts/parse-subject.ts';
import { CTL, RUN_STOPS, type PipelineFact, type Stage } from '../contracts/subjects.ts';
import { ALL, commandRefusedSubject, commandToken } from '../contracts/subjects.ts';
import { PipelineError } from '../contracts/errors.ts';
import type { Progress } from '../contracts/progress.ts';
import type { Bus, Heard } from '../infra/messaging/bus.ts';

export interface RunWatcher {
  progress(stage: Stage, progress: Progress): void;
  /** A worker has finished its stage; `data` is the event's. */
  completed(stage: Stage, data: Record<string, unknown>): void;
  /** An attempt of a stage failed; the run may try again. */
  failed(stage: Stage, failure: z.infer<typeof FailureSchema>): void;
  /** The run went into another state. */
  advanced(state: string): void;
}

export interface RunEnd {
  readonly runId: string;
  readonly fact: PipelineFact;
  readonly state: string;
  readonly failure: z.infer<typeof FailureSchema> | null;
  /** Milliseconds from the command to the end. */
  readonly durationMs: number;
}

const RefusedSchema = z.object({ commandId: z.string(), failure: FailureSchema });

export interface StartRunOptions {
  readonly model: string;
  readonly runId: string;
  readonly reason?: string | undefined;
  /** Goes through all stages also if nothing has changed. */
  readonly force?: boolean | undefined;
}

/** Publishes the start command and resolves at the run's end, good or bad. Throws if the command is refused. */
export async function startAndFollow(
  bus: Bus,
  options: StartRunOptions,
  watcher: RunWatcher,
  signal?: AbortSignal,
): Promise<RunEnd> {
  // An abort that came before would never be heard of again.
  signal?.throwIfAborted();
  const { model, runId, reason, force } = options;
  const id = `${runId}.start`;
  const [end] = await Promise.all([
    follow(bus, runId, id, watcher, signal),
    bus.publish(CTL.pipelineStart, { model, runId, reason, force }, { id }),
  ]);
  return end;
}

function follow(
  bus: Bus,
  runId: string,
  commandId: string,
  watcher: RunWatcher,
  signal?: AbortSignal,
): Promise<RunEnd> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const stop = () => [events, refusals].forEach((listening) => listening.stop());
    const events = bus.listen(ALL.events, (heard) => {
      const end = tell(watcher, runId, heard);
      if (!end) return;
      stop();
      resolve({ runId, ...end, durationMs: performance.now() - startedAt });
    });
    const refusals = bus.listen(commandRefusedSubject(commandToken(commandId)), ({ envelope }) => {
      const refused = RefusedSchema.safeParse(envelope.data);
      if (!refused.success || refused.data.commandId !== commandId) return;
      stop();
      const { code, message } = refused.data.failure;
      reject(new PipelineError(code, message));
    });
    signal?.addEventListener('abort', () => {
      stop();
      reject(signal.reason);
    });
  });
}

/** Passes an event of the run to the watcher; answers the end if it is one. */
function tell(
  watcher: RunWatcher,
  runId: string,
  { subject, envelope }: Heard,
): Pick<RunEnd, 'fact' | 'state' | 'failure'> | null {
  const event = parseSubject(subject);
  if (!('runId' in event) || event.runId !== runId) return null;
  if (event.family === 'pipeline-event') {
    const { state, failure } = PipelineEventSchema.parse(envelope.data);
    watcher.advanced(state);
    return RUN_STOPS.includes(event.fact) ? { fact: event.fact, state, failure } : null;
  }
  if (event.family !== 'work-event') return null;
  const { stage, fact } = event;
  if (fact === 'progressed') watcher.progress(stage, ProgressedSchema.parse(envelope.data).progress);
  if (fact === 'failed') watcher.failed(stage, FailedSchema.parse(envelope.data).failure);
  if (fact === 'completed') watcher.completed(stage, envelope.data as Record<string, unknown>);
  return null;
}
