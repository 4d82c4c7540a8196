/**
 * Tells a tracer of the runs: after each transition the spans that it has ended, made of what the store keeps of the run and
 * of nothing that is held here. Wired by main.ts if somebody wants traces.
 */
import type { Tracer } from '../../infra/telemetry/tracer.ts';
import type { Checkpoint } from '../../machines/step.ts';
import { runKey, type OrchestratorContext, type Witness } from './context.ts';
import { spansEndedBy } from './run-spans.ts';
import { inTodaysWords, transitionsOf } from './transitions.ts';

export const runTraces = (runs: OrchestratorContext['runs'], tracer: Tracer): Witness => ({
  name: 'the tracer',
  moved: async ({ context, transition }: Checkpoint) => {
    if (transition === 1) return;
    const history = (await runs.history(runKey(context.runId))).map(({ value }) => inTodaysWords(value));
    const known = transitionsOf(history).filter((c) => c.transition <= transition);
    for (const span of spansEndedBy(known)) tracer.emit(span);
  },
});
