/** `nightshift run show <id>`: the time line of a run, or how it stood after one of its transitions. */
import Table from 'cli-table3';
import type { Answer, RunMemory, RunSummary } from '../../contracts/api.ts';
import { API } from '../../contracts/subjects.ts';
import type { GlobalOptions } from '../global-options.ts';
import { withClient } from '../with-client.ts';

type ShownRun = Answer<typeof API.run>;

export async function runShowCommand(
  runId: string,
  { at, json }: { at?: number; json?: boolean },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async ({ ask }) => {
    const run = await ask(API.run, { runId, at });
    const text = at === undefined ? describe(run) : `${describe(run)}${memoryOf(run.context)}`;
    process.stdout.write(json ? `${JSON.stringify(run)}\n` : text);
  });
}

function describe(run: ShownRun): string {
  const head = ['#', 'at', 'event', 'by', 'state', 'attempt', 'stayed'];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const { transition, at, cause, actor, state, attempt, durationMs } of run.timeline) {
    table.push([transition, at.slice(11, 23), cause, actor, state, attempt, stayed(durationMs, run.status)]);
  }
  const { plan, forkedFrom } = run.context;
  const why = run.failure ? `\n${run.failure}` : '';
  const origin = forkedFrom ? `\ngoes on from ${forkedFrom.runId}, at ${forkedFrom.stage}` : '';
  const undo = plan.map((step) => `${step.undo} ${step.status}`).join(', ');
  const earlier = (run.timeline[0]?.transition ?? 1) > 1 ? '\nits first transitions are no longer kept' : '';
  return `${run.runId}  ${run.model}  ${run.state}${why}${origin}\nundo: ${undo}${earlier}\n${table.toString()}\n`;
}

function stayed(durationMs: number | null, status: RunSummary['status']): string {
  if (durationMs === null) return status === 'done' ? '' : 'until now';
  return durationMs < 1000 ? `${durationMs} ms` : `${(durationMs / 1000).toFixed(1)} s`;
}

/** The memory of the run at that time, without the configuration with which it started. */
function memoryOf({ pipeline: _pipeline, plan: _plan, ...memory }: RunMemory): string {
  return `${JSON.stringify(memory, null, 2)}\n`;
}
