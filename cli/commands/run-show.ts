/**
 * `nightshift run show <id>`: the verdict on its candidate and its time line, or how it stood after one of its
 * transitions.
 */
import { z } from 'zod';
import type { Answer, RunMemory, RunSummary } from '../../contracts/api.ts';
import { causeInWords, stateInWords } from '../../contracts/run-words.ts';
import { API } from '../../contracts/subjects.ts';
import type { GlobalOptions } from '../global-options.ts';
import { describeVerdict, nounOf, readVerdict, type Judged } from '../verdict-view.ts';
import { plain } from '../plain.ts';
import { timeOf } from '../time.ts';
import { watching } from '../watch.ts';
import { withClient } from '../with-client.ts';
import { createTable } from '../table.ts';

type ShownRun = Answer<typeof API.run>;

export async function runShowCommand(
  runId: string,
  { at, json, watch }: { at?: number; json?: boolean; watch?: boolean },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async ({ ask, nc }) => {
    await watching({ watch, json }, async () => {
      const run = await ask(API.run, { runId, at });
      const judged = await readVerdict(nc, run.context.verification);
      const text = plain(at === undefined ? describe(run, judged) : `${describe(run, judged)}${memoryOf(run.context)}`);
      return json ? `${JSON.stringify({ ...run, report: judged?.report ?? null })}\n` : text;
    });
  });
}

function describe(run: ShownRun, judged: Judged | null): string {
  const table = createTable(['#', 'at', 'what happened', 'by', 'then', 'attempt', 'stayed'], {
    wraps: { 'what happened': 20 },
    drops: ['attempt', 'by', 'stayed', 'at'],
  });
  for (const { transition, at, cause, actor, by, state, attempt, durationMs, failure } of run.timeline) {
    const happened = failure ? `${causeInWords(cause)}: ${failure.message} [${failure.code}]` : causeInWords(cause);
    const when = `${at.slice(11, 23)}Z`;
    const then = stateInWords(state);
    table.push([transition, when, happened, by ?? actor, then, attempt, stayed(durationMs, run.status)]);
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
  const began = timeOf(run.startedAt);
  const title = `${run.runId}  ${run.model}  ${began}  ${stateInWords(run.state)}${trying(run)}${why}${unchanged}${held}${origin}${blessed}`;
  return `${title}${verdict}undo: ${undo}${earlier}\n${table.toString()}\n`;
}

/** While it tries again: the attempt that failed last, which no other line tells. */
function trying({ status, timeline }: ShownRun): string {
  const last = timeline.findLast(({ failure }) => failure !== null);
  if (status === 'done' || !last?.failure) return '';
  const attempt = timeline.at(-1)?.attempt ?? last.attempt;
  return `\nattempt ${attempt}; ${causeInWords(last.cause)} before: ${last.failure.message}`;
}

const HoldsSchema = z.object({ holds: z.array(z.string()) });

/** Undefined in the memory of a run of before 0.5.0. */
const holdsIn = (memory: RunMemory) => HoldsSchema.safeParse(memory).data?.holds ?? [];

function stayed(durationMs: number | null, status: RunSummary['status']): string {
  if (durationMs === null) return status === 'done' ? '' : 'until now';
  return durationMs < 1000 ? `${durationMs} ms` : `${(durationMs / 1000).toFixed(1)} s`;
}

/** The memory of the run at that time, without the configuration with which it started. */
function memoryOf({ pipeline: _pipeline, plan: _plan, ...memory }: RunMemory): string {
  return `${JSON.stringify(memory, null, 2)}\n`;
}
