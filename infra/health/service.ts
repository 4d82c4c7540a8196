/**
 * The system as its orchestrator tells of it: replicas and what they serve, their versions, runs that stand, dead
 * letters. Pure; cli/commands/doctor.ts asks the questions.
 */
import type { ListedLetter, ModelStatus, RunSummary } from '../../contracts/api.ts';
import { error, warning, type Finding } from './finding.ts';

/** The longest deadline of a stage by default, and half an hour: by then a run has moved or has been given up. */
const QUIET_MAX_MS = 4.5 * 3600_000;
/** Replicas of before 0.5.0 do not say which version they run. */
const UNSAID = 'before 0.5.0';

export function replicaFindings({ model, deployment, replicas, alarms }: ModelStatus): readonly Finding[] {
  const release = deployment?.current?.release ?? null;
  const start = '`nightshift actor inference` starts replicas; their log says why they ended';
  const found: Finding[] = alarms.map((alarm) =>
    error('release.alarm', `${model}: ${alarm}`, 'docs/signed-releases.md says what each alarm means'),
  );
  if (release !== null && replicas.length === 0) {
    found.push(error('replicas.none', `${model}: release ${release} is in service and no replica lives`, start));
  }
  for (const { replicaId, outOfService, release: serves } of replicas) {
    if (outOfService !== null) {
      const mend = 'it tries again by itself; see that the file is stored and its disk has room';
      found.push(error('replica.out', `${model}: the replica ${replicaId} takes no requests: ${outOfService}`, mend));
    } else if (release !== null && serves !== null && serves < release) {
      const sentence = `${model}: the replica ${replicaId} serves release ${serves}, in service is ${release}`;
      found.push(warning('replica.behind', sentence, 'look again in a moment; if it stays so, start it anew'));
    }
  }
  return found;
}

/** `own`: of the command that looks. During a rolling upgrade this is as it should be, so it is a warning. */
export function versionFindings(models: readonly ModelStatus[], own: string): readonly Finding[] {
  const replicas = models.flatMap((it) => it.replicas);
  const versions = new Map<string, number>([[own, 0]]);
  for (const { version = UNSAID } of replicas) versions.set(version, (versions.get(version) ?? 0) + 1);
  if (versions.size === 1) return [];
  const said = [...versions].filter(([, count]) => count > 0).map(([version, count]) => `${count} run ${version}`);
  const sentence = `of ${replicas.length} replicas ${said.join(', ')}; this command is ${own}`;
  return [warning('version.skew', sentence, 'install one version everywhere once the upgrade is done')];
}

export const runFindings = (runs: readonly RunSummary[], nowMs: number): readonly Finding[] =>
  runs.filter(({ status }) => status === 'active').flatMap((run) => standing(run, nowMs));

function standing({ runId, state, updatedAt, failure }: RunSummary, nowMs: number): Finding[] {
  const [stage = ''] = state.split('.');
  const why = failure === null ? '' : `: ${failure}`;
  switch (stage) {
    case 'needsOperator':
      return [
        error(
          'run.stuck',
          `the run ${runId} needs an operator${why}`,
          `docs/operations.md, then \`nightshift resume ${runId}\``,
        ),
      ];
    case 'awaitingApproval':
      return [
        warning('run.waits', `the run ${runId} waits for approval`, `\`nightshift approve ${runId}\` or \`reject\``),
      ];
    case 'paused':
      return [warning('run.waits', `the run ${runId} is paused`, `\`nightshift resume ${runId}\``)];
    default: {
      const quietMs = nowMs - Date.parse(updatedAt);
      if (quietMs <= QUIET_MAX_MS) return [];
      const sentence = `the run ${runId} has been in ${state} for ${(quietMs / 3600_000).toFixed(1)} hours`;
      return [
        warning('run.quiet', sentence, `\`nightshift run show ${runId}\`; \`nightshift cancel ${runId}\` gives it up`),
      ];
    }
  }
}

export function letterFindings(total: number, newest: ListedLetter | undefined): readonly Finding[] {
  if (newest === undefined) return [];
  const sentence = `${total} dead letters are kept, the newest of ${newest.keptAt}: ${newest.code}: ${newest.error}`;
  return [warning('letters.kept', sentence, '`nightshift dlq` lists them; send them again or drop them')];
}
