/** `nightshift status`, `runs` and `deployments`: questions to the orchestrator's API, as tables or JSON. */
import Table from 'cli-table3';
import type { ModelLedger, ModelStatus, RunSummary } from '../../contracts/api.ts';
import { API } from '../../contracts/subjects.ts';
import { decisionLines, decisionOf } from '../decision-text.ts';
import type { GlobalOptions } from '../global-options.ts';
import { withClient } from '../with-client.ts';

interface Output {
  readonly json?: boolean;
}

export async function statusCommand({ json }: Output, global: GlobalOptions): Promise<void> {
  await withClient(global, async ({ ask }) => {
    const answer = await ask(API.status, {});
    const lacking = answer.lacking.map((it) => `ALARM       ${it}\n`);
    const text = [...lacking, ...answer.models.map(describeModel)].join('\n');
    process.stdout.write(json ? `${JSON.stringify(answer)}\n` : text);
  });
}

export async function runsCommand({ json }: Output, global: GlobalOptions): Promise<void> {
  await withClient(global, async ({ ask }) => {
    const answer = await ask(API.runs, {});
    process.stdout.write(json ? `${JSON.stringify(answer)}\n` : `${runTable(answer.runs)}\n`);
  });
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
  const table = new Table({
    head: ['release', 'from', 'to', 'for', 'reason', 'by', 'pair of', 'made by', 'model', 'rollback'],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [null, null, null, null, 40],
  });
  for (const { release, startedAt, endedAt, reason, why, origin, modelDigest, retained, by } of releases) {
    const said = why ? `${REASONS[reason]}: ${why}` : REASONS[reason];
    const lasted = endedAt ? longTime(startedAt, endedAt) : '-';
    const pair = origin.release === release ? 'itself' : `release ${origin.release}`;
    const back = retained ? `--to ${release}` : '';
    const [from, to] = [startedAt.slice(0, 19), endedAt?.slice(0, 19) ?? 'now'];
    table.push([release, from, to, lasted, said, by ?? '', pair, origin.runId, short(modelDigest), back]);
  }
  return `${model}\n${table.toString()}\n`;
}

function describeModel(status: ModelStatus): string {
  const { model, deployment, replicas, activeRun } = status;
  const current = deployment?.current;
  const release = current
    ? `release ${current.release}, model ${short(current.model.digest)}, run ${current.runId}, since ${current.committedAt}`
    : 'nothing in service yet';
  const made = current?.origin?.release ?? current?.release;
  const entry = deployment?.ledger.find((it) => it.release === made);
  const blessed = entry?.reason === 'blessed' ? `\n  blessed     ${entry.why}` : '';
  const previous = deployment?.previous
    ? `release ${deployment.previous.release}, model ${short(deployment.previous.model.digest)}`
    : '-';
  const table = new Table({
    head: ['replica', 'release', 'requests', 'failed', 'p50 ms', 'p99 ms', 'swap us'],
    style: { head: [], border: [] },
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
  const run = activeRun ? `${activeRun.runId}: ${activeRun.state}` : 'none';
  const decision = decisionOf(status);
  const lines = [
    ...status.alarms.map((alarm) => `ALARM       ${alarm}`),
    `in service  ${release}${blessed}`,
    ...(decision ? decisionLines(decision, status.noun) : []),
    `previous    ${previous}`,
    `run         ${run}`,
  ];
  return `${model}\n${lines.map((line) => `  ${line}\n`).join('')}${table.toString()}\n`;
}

function runTable(runs: readonly RunSummary[]): string {
  const table = new Table({
    head: ['run', 'model', 'state', 'started', 'took', 'why'],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [null, null, null, null, null, 50],
  });
  for (const { runId, model, state, startedAt, updatedAt, failure } of runs) {
    table.push([runId, model, state, startedAt.slice(0, 19), took(startedAt, updatedAt), failure ?? '']);
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
