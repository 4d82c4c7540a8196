/**
 * Metrics of what happens, from the events as they pass. Times are those of the events, not of this process. Events of
 * a time in which no gateway ran are not counted, as a scrape expects of a counter that begins anew.
 */
import { toFailure } from '../../../contracts/errors.ts';
import { OutcomeSchema } from '../../../contracts/commands.ts';
import { SlotDecidedSchema } from '../../../contracts/configuration/schedule.ts';
import { parseData, type Envelope } from '../../../contracts/envelope.ts';
import {
  CompletedSchemas,
  ModelDeployedSchema,
  PipelineEventSchema,
  ProgressedSchema,
  ReplicaSwitchedSchema,
} from '../../../contracts/messages.ts';
import { parseSubject, type ParsedSubject } from '../../../contracts/parse-subject.ts';
import { RUN_STOPS, STAGES, type OperatorFact, type PipelineFact, type Stage } from '../../../contracts/subjects.ts';
import type { Logger } from '../../../runtime/logger.ts';
import type { Metrics } from './registry.ts';

/** Runs under way, and those whose end did not pass here. */
const RUNS_MAX = 256;

/** A run as its events tell of it. */
interface Run {
  readonly startedAtMs: number;
  stage: { readonly name: Stage; readonly sinceMs: number } | null;
  /** Moments at which replicas switched, by release. */
  switched: { readonly release: number; readonly atMs: number[] } | null;
}

/** The first token of a state's path -> the stage. */
const STAGE_OF: Readonly<Record<string, Stage>> = {
  collecting: 'collect',
  training: 'train',
  verifying: 'verify',
  deploying: 'deploy',
};

const FIGURES = { loss: 'nightshift_training_loss', imagesPerSecond: 'nightshift_training_images_per_second' } as const;

export class EventMetrics {
  readonly #metrics: Metrics;
  readonly #log: Logger;
  readonly #runs = new Map<string, Run>();

  constructor(metrics: Metrics, log: Logger) {
    this.#metrics = metrics;
    this.#log = log;
  }

  /** A message of another version that does not fit is left out, and told once a message in the log. */
  hear(subject: string, envelope: Envelope): void {
    try {
      this.#count(parseSubject(subject), envelope);
    } catch (error) {
      this.#log.debug({ ...toFailure(error), subject }, 'gateway: an event is not counted');
    }
  }

  #count(parsed: ParsedSubject, envelope: Envelope): void {
    const atMs = envelope.time === undefined ? Date.now() : Date.parse(envelope.time);
    const { family } = parsed;
    if (family === 'pipeline-event') this.#pipeline(parsed.fact, parsed.runId, envelope, atMs);
    else if (family === 'work-event') this.#work(parsed, envelope);
    else if (family === 'replica-event' && parsed.fact === 'switched') this.#switched(parsed.runId, envelope);
    else if (family === 'model-event') this.#deployed(parsed.fact, parsed.model, envelope, atMs);
    else if (family === 'schedule-event' && parsed.fact === 'decided') {
      const { decision } = parseData(SlotDecidedSchema, envelope);
      this.#metrics.inc('nightshift_slots_total', { model: parsed.model, decision });
    } else if (family === 'operator-event') this.#commanded(parsed.fact, envelope);
  }

  #work({ stage, fact }: Extract<ParsedSubject, { family: 'work-event' }>, envelope: Envelope): void {
    if (stage === 'train' && fact === 'progressed') this.#progressed(envelope);
    if (stage !== 'verify' || fact !== 'completed') return;
    const { verdict } = parseData(CompletedSchemas.verify, envelope);
    this.#metrics.inc('nightshift_verdicts_total', { verdict });
  }

  #commanded(outcome: OperatorFact, envelope: Envelope): void {
    this.#metrics.inc('nightshift_commands_total', { outcome });
    const { failure } = parseData(OutcomeSchema, envelope);
    if (failure) this.#metrics.inc('nightshift_refusals_total', { code: failure.code });
  }

  #pipeline(fact: PipelineFact, runId: string, envelope: Envelope, atMs: number): void {
    const { model, state } = parseData(PipelineEventSchema, envelope);
    const [top = ''] = state.split('.');
    const run = this.#runs.get(runId) ?? { startedAtMs: atMs, stage: null, switched: null };
    this.#metrics.inc('nightshift_transitions_total', { state: top });
    const stage = STAGE_OF[top] ?? null;
    if (run.stage && run.stage.name !== stage) this.#leave(run.stage, fact, stage, top, atMs);
    if (stage === null) run.stage = null;
    else if (run.stage?.name !== stage) run.stage = { name: stage, sinceMs: atMs };
    if (RUN_STOPS.includes(fact)) {
      this.#metrics.inc('nightshift_runs_total', { model, outcome: fact });
      this.#runs.delete(runId);
    } else this.#keep(runId, run);
  }

  #leave(left: NonNullable<Run['stage']>, fact: PipelineFact, next: Stage | null, top: string, atMs: number): void {
    const isOn = next !== null && STAGES.indexOf(next) > STAGES.indexOf(left.name);
    const isDone = isOn || ['completed', 'rejected', 'unchanged', 'awaiting-approval'].includes(fact);
    const outcome = isDone ? 'completed' : top === 'paused' ? 'paused' : fact === 'cancelled' ? 'cancelled' : 'failed';
    const seconds = Math.max(0, atMs - left.sinceMs) / 1000;
    this.#metrics.observe('nightshift_stage_duration_seconds', { stage: left.name, outcome }, seconds);
  }

  #keep(runId: string, run: Run): void {
    if (this.#runs.size >= RUNS_MAX && !this.#runs.has(runId)) this.#runs.delete(this.#runs.keys().next().value!);
    this.#runs.set(runId, run);
  }

  #progressed(envelope: Envelope): void {
    const { figures } = parseData(ProgressedSchema, envelope).progress;
    for (const [figure, name] of Object.entries(FIGURES)) {
      const value = figures[figure];
      if (value !== undefined) this.#metrics.set(name, {}, value);
    }
  }

  #switched(runId: string, envelope: Envelope): void {
    const { model, swapUs, release, switchedAtMs } = parseData(ReplicaSwitchedSchema, envelope);
    this.#metrics.observe('nightshift_swap_duration_seconds', { model }, swapUs / 1e6);
    const run = this.#runs.get(runId);
    if (!run) return;
    if (run.switched?.release === release) run.switched.atMs.push(switchedAtMs);
    else run.switched = { release, atMs: [switchedAtMs] };
  }

  #deployed(fact: 'deployed' | 'rolled-back', model: string, envelope: Envelope, atMs: number): void {
    const { runId } = parseData(ModelDeployedSchema, envelope);
    const run = this.#runs.get(runId);
    const moments = run?.switched?.atMs ?? [];
    // One replica is never apart from itself.
    if (moments.length > 1) {
      const skewMs = Math.max(...moments) - Math.min(...moments);
      this.#metrics.observe('nightshift_swap_skew_seconds', { model }, skewMs / 1000);
    }
    if (fact === 'deployed') return;
    this.#metrics.inc('nightshift_rollbacks_total', { model });
    if (run) {
      const seconds = Math.max(0, atMs - run.startedAtMs) / 1000;
      this.#metrics.observe('nightshift_rollback_duration_seconds', { model }, seconds);
    }
  }
}
