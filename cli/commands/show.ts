/** `nightshift status`, `runs` and `deployments`: questions to the orchestrator's API, as tables or JSON. */
import type { Answer, ModelLedger, ModelStatus, RunSummary } from '../../contracts/api.ts';
import { toFailure } from '../../contracts/errors.ts';
import { stateInWords } from '../../contracts/run-words.ts';
import { API } from '../../contracts/subjects.ts';
import { sinceOf } from './audit.ts';
import { decisionLines, decisionOf, figuresLine } from '../decision-text.ts';
import type { GlobalOptions } from '../global-options.ts';
import { plain } from '../plain.ts';
import { timeOf } from '../time.ts';
import { watching } from '../watch.ts';
import { withClient } from '../with-client.ts';
import { createTable } from '../table.ts';
import type { Client } from '../client.ts';
import { CompletedSchemas } from '../../contracts/messages.ts';

interface Output {
  readonly json?: boolean;
  readonly watch?: boolean;
}

export async function statusCommand({ json, watch }: Output, global: GlobalOptions): Promise<void> {
  await withClient(global, ({ ask }) =>
    watching({ watch, json }, async () => {
      const answer = await ask(API.status, {});
      const lacking = answer.lacking.map((it) => `ALARM       ${it}\n`);
      if (json) return `${JSON.stringify(answer)}\n`;
      const figures = await Promise.all(answer.models.map((model) => figuresOf(ask, model)));
      return [...lacking, ...answer.models.map((model, index) => describeModel(model, figures[index]!))].join('\n');
    }),
  );
}

/** A line, from the memory of the run that made the pair in service; none if that run, or its figures, are not kept. */
async function figuresOf(ask: Client['ask'], { deployment, noun }: ModelStatus): Promise<readonly string[]> {
  const current = deployment?.current;
  if (!current) return [];
  const runId = current.origin?.runId ?? current.runId;
  const run = await ask(API.run, { runId }).catch((error: unknown) => {
    if (toFailure(error).code === 'RUN_UNKNOWN') return null;
    throw error;
  });
  const verified = CompletedSchemas.verify.safeParse(run?.context.verification);
  return verified.data?.figures ? [figuresLine(verified.data.figures, noun)] : [];
}

export interface RunsOptions extends Output {
  readonly model?: string;
  readonly state?: string;
  readonly active?: boolean;
  readonly since?: string;
  readonly before?: string;
  readonly limit: number;
}

export async function runsCommand(
  { json, watch, active, since, ...wanted }: RunsOptions,
  global: GlobalOptions,
): Promise<void> {
  const question = {
    ...wanted,
    ...(active && { status: 'active' as const }),
    ...(since !== undefined && { since: sinceOf(since, new Date()).toISOString() }),
  };
  await withClient(global, ({ ask }) =>
    watching({ watch, json }, async () => {
      const answer = await ask(API.runs, question);
      return json ? `${JSON.stringify(answer)}\n` : describeRuns(answer);
    }),
  );
}

function describeRuns({ runs, total }: Answer<typeof API.runs>): string {
  if (runs.length === 0) return 'no runs\n';
  const last = runs.at(-1)!; // There is one.
  const more = runs.length < total ? `; --before ${last.runId} shows older ones` : '';
  return `${runTable(runs)}\n${runs.length} of ${total}${more}\n`;
}

export async function deploymentsCommand(
  model: string | undefined,
  { json }: Output,
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async ({ ask }) => {
    const answer = await ask(API.deployments, { model });
    process.stdout.write(json ? `${JSON.stringify(answer)}\n` : answer.models.map(describeLedger).join('\n'));
  });
}

const REASONS = {
  deployed: 'deployed',
  blessed: 'blessed',
  operator: 'rolled back by operator',
  guard: 'rolled back by guard',
};

function describeLedger({ model, releases }: ModelLedger): string {
  if (releases.length === 0) return `${model}\n  nothing has been in service yet\n`;
  const table = createTable(
    ['release', 'from', 'to', 'for', 'reason', 'by', 'pair of', 'made by', 'model', 'rollback'],
    {
      wraps: { reason: 16 },
      drops: ['model', 'made by', 'for', 'to', 'pair of', 'rollback', 'from'],
    },
  );
  for (const { release, startedAt, endedAt, reason, why, origin, modelDigest, retained, by } of releases) {
    const said = why ? `${REASONS[reason]}: ${why}` : REASONS[reason];
    const lasted = endedAt ? longTime(startedAt, endedAt) : '-';
    const pair = origin.release === release ? 'itself' : `release ${origin.release}`;
    const back = retained ? `--to ${release}` : '';
    const [from, to] = [timeOf(startedAt), endedAt ? timeOf(endedAt) : 'now'];
    table.push([release, from, to, lasted, said, by ?? '', pair, origin.runId, short(modelDigest), back]);
  }
  return `${model}\n${table.toString()}\n`;
}

function describeModel(status: ModelStatus, figures: readonly string[]): string {
  const { model, deployment, replicas, activeRun } = status;
  const current = deployment?.current;
  const release = current
    ? `release ${current.release}, model ${short(current.model.digest)}, run ${current.runId}, since ${timeOf(current.committedAt)}`
    : 'nothing in service yet';
  const made = current?.origin?.release ?? current?.release;
  const entry = deployment?.ledger.find((it) => it.release === made);
  const blessed = entry?.reason === 'blessed' ? `\n  blessed     ${entry.why}` : '';
  const previous = deployment?.previous
    ? `release ${deployment.previous.release}, model ${short(deployment.previous.model.digest)}`
    : '-';
  const table = createTable(['replica', 'release', 'requests', 'failed', 'p50 ms', 'p99 ms', 'swap us'], {
    drops: ['swap us', 'p50 ms', 'p99 ms'],
  });
  for (const { replicaId, release: serves, figures, swapUs } of replicas) {
    table.push([
      replicaId,
      serves ?? '-',
      figures.requests,
      figures.failed,
      round(figures.latencyMs?.p50),
      round(figures.latencyMs?.p99),
      round(swapUs),
    ]);
  }
  const run = activeRun ? `${activeRun.runId}: ${stateInWords(activeRun.state)}` : 'none';
  const decision = decisionOf(status);
  const lines = [
    ...status.alarms.map((alarm) => `ALARM       ${alarm}`),
    `in service  ${release}${blessed}`,
    ...(decision ? decisionLines(decision, status.noun) : []),
    ...figures,
    `previous    ${previous}`,
    `run         ${run}`,
  ];
  return `${model}\n${lines.map((line) => `  ${line}\n`).join('')}${table.toString()}\n`;
}

function runTable(runs: readonly RunSummary[]): string {
  const table = createTable(['run', 'model', 'state', 'started', 'took', 'why'], {
    wraps: { why: 16 },
    drops: ['took', 'started', 'model'],
  });
  for (const { runId, model, state, startedAt, updatedAt, failure } of runs) {
    table.push([
      runId,
      model,
      stateInWords(state),
      timeOf(startedAt),
      took(startedAt, updatedAt),
      plain(failure ?? ''),
    ]);
  }
  return table.toString();
}

const short = (digest: string) => digest.slice('sha256:'.length, 'sha256:'.length + 12);
const round = (value: number | null | undefined) =>
  value === null || value === undefined ? '-' : Number(value.toPrecision(3));
const took = (from: string, to: string) => `${((Date.parse(to) - Date.parse(from)) / 1000).toFixed(1)} s`;

/** A release may serve for a night or for months. */
function longTime(from: string, to: string): string {
  const minutes = (Date.parse(to) - Date.parse(from)) / 60_000;
  if (minutes < 1) return took(from, to);
  if (minutes < 120) return `${minutes.toFixed(1)} min`;
  return minutes < 2 * 24 * 60 ? `${(minutes / 60).toFixed(1)} h` : `${(minutes / 60 / 24).toFixed(1)} d`;
}
