/** All that look on while runs move: the tracer, and the inspector if --inspect was given, whose code is loaded then alone. */
import type { OrchestratorContext, Witness } from './context.ts';
import { runTraces } from './trace-runs.ts';

export interface Witnesses {
  readonly all: readonly Witness[];
  close(): Promise<void>;
}

/** Throws if the port of the inspector is taken. */
export async function openWitnesses(
  { runs, tracer, log }: Pick<OrchestratorContext, 'runs' | 'tracer' | 'log'>,
  inspectPort: number | undefined,
): Promise<Witnesses> {
  const traces = tracer ? [runTraces(runs, tracer)] : [];
  if (inspectPort === undefined) return { all: traces, close: async () => {} };
  const { startInspector } = await import('./inspector.ts');
  const inspector = await startInspector({ port: inspectPort, log });
  return { all: [...traces, inspector], close: () => inspector.close() };
}
