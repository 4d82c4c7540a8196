/**
 * `nightshift run show <id>`: the verdict on its candidate and its time line, or how it stood after one of its
 * transitions.
 */
import Table from 'cli-table3';
import { z } from 'zod';
import type { Answer, RunMemory, RunSummary } from '../../contracts/api.ts';
import { NounSchema } from '../../contracts/configuration/noun.ts';
import { API } from '../../contracts/subjects.ts';
import type { GlobalOptions } from '../global-options.ts';
import { describeVerdict, readVerdict, type Judged } from '../verdict-view.ts';
import { withClient } from '../with-client.ts';

type ShownRun = Answer<typeof API.run>;

export async function runShowCommand(
  runId: string,
  { at, json }: { at?: number; json?: boolean },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async ({ ask, nc }) => {
    const run = await ask(API.run, { runId, at });
    const judged = await readVerdict(nc, run.context.verification);
    const text = at === undefined ? describe(run, judged) : `${describe(run, judged)}${memoryOf(run.context)}`;
    process.stdout.write(json ? `${JSON.stringify({ ...run, report: judged?.report ?? null })}\n` : text);
  });
}

function describe(run: ShownRun, judged: Judged | null): string {
  const head = ['#', 'at', 'event', 'by', 'state', 'attempt', 'stayed'];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const { transition, at, cause, actor, by, state, attempt, durationMs } of run.timeline) {
    table.push([transition, at.slice(11, 23), cause, by ?? actor, state, attempt, stayed(durationMs, run.status)]);
  }
  const { plan, forkedFrom, blessing, lastVerdict } = run.context;
  // The reasons of a verdict stand below.
  const why = run.failure && run.failure !== judged?.verification.reasons.join(' ') ? `\n${run.failure}` : '';
  const unchanged = run.state === 'unchanged' ? `\nnothing has changed since ${lastVerdict} was judged` : '';
  const held = holdsIn(run.context)
    .map((hold) => `\nheld: ${hold}`)
    .join('');
  const origin = forkedFrom ? `\ngoes on from ${forkedFrom.runId}, at ${forkedFrom.stage}` : '';
  const blessed = blessing ? `\nblessed by ${blessing.by}: ${blessing.reason}` : '';
  const undo = plan.map((step) => `${step.undo} ${step.status}`).join(', ');
  const earlier = (run.timeline[0]?.transition ?? 1) > 1 ? '\nits first transitions are no longer kept' : '';
  const verdict = judged ? `\n${describeVerdict(judged, nounOf(run.context))}` : '\n';
  const title = `${run.runId}  ${run.model}  ${run.state}${why}${unchanged}${held}${origin}${blessed}`;
  return `${title}${verdict}undo: ${undo}${earlier}\n${table.toString()}\n`;
}

const HoldsSchema = z.object({ holds: z.array(z.string()) });

/** Undefined in the memory of a run of before 0.5.0. */
const holdsIn = (memory: RunMemory) => HoldsSchema.safeParse(memory).data?.holds ?? [];

const PipelineSchema = z.object({ pipeline: z.object({ noun: NounSchema }) });

/** Undefined in the memory of a run of before 0.3.0. */
const nounOf = (memory: RunMemory) => PipelineSchema.safeParse(memory).data?.pipeline.noun;

function stayed(durationMs: number | null, status: RunSummary['status']): string {
  if (durationMs === null) return status === 'done' ? '' : 'until now';
  return durationMs < 1000 ? `${durationMs} ms` : `${(durationMs / 1000).toFixed(1)} s`;
}

/** The memory of the run at that time, without the configuration with which it started. */
function memoryOf({ pipeline: _pipeline, plan: _plan, ...memory }: RunMemory): string {
  return `${JSON.stringify(memory, null, 2)}\n`;
}
