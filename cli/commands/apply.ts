/**
 * `nightshift apply`: makes the pipelines of a configuration file those of the system, after showing what differs. All that is
 * local (server, logins, programs, paths, secrets) stays in the file; names go in its place. Exit codes: 0 applied, or
 * nothing to change; 1 refused, or not wanted; 2 the file is wrong; 3 `--dry-run` found differences.
 */
import type { ConfigRevision } from '../../contracts/configuration/record.ts';
import { PipelineError, toFailure } from '../../contracts/errors.ts';
import { API, CTL } from '../../contracts/subjects.ts';
import { checkPipeline } from '../../actors/orchestrator/configuration.ts';
import { localDefinitions } from '../../infra/config/local-definitions.ts';
import { sendCommand } from '../../infra/messaging/send-command.ts';
import type { Client } from '../client.ts';
import { confirm } from '../confirm.ts';
import { describeDifferences, differences, type Difference, type Revisioned } from '../config-diff.ts';
import type { GlobalOptions } from '../global-options.ts';
import { configOf, withClient } from '../with-client.ts';
import { newCommandId } from './operate.ts';

export interface ApplyOptions {
  readonly file?: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly reason?: string;
  readonly json?: boolean;
}

export const EXIT_CODE_DIFFERS = 3;

/** A model, and what is to become of it. */
interface Planned {
  readonly model: string;
  readonly change: 'new' | 'changed' | 'same' | 'removed' | 'not in the file';
  /** The revision that counts now; 0: none. After it was applied, the new one. */
  readonly revision: number;
  readonly differences: readonly Difference[];
}

export async function applyCommand(options: ApplyOptions, global: GlobalOptions): Promise<void> {
  const own = { ...global, ...(options.file === undefined ? {} : { config: options.file }) };
  const wanted = pipelinesOf(own);
  await withClient(own, async (client) => {
    const planned = await planOf(client, wanted, options.prune ?? false);
    const changes = planned.filter(isChange);
    if (!options.json) process.stdout.write(describePlan(planned));
    if (options.dryRun) {
      if (changes.length > 0) process.exitCode = EXIT_CODE_DIFFERS;
      return print(options, planned, false);
    }
    if (changes.length > 0 && !options.yes) await confirm('apply', 'Apply this?');
    const applied: Planned[] = [];
    for (const one of planned) applied.push(isChange(one) ? await send(client, one, wanted, options.reason) : one);
    print(options, applied, changes.length > 0);
  });
}

const isChange = ({ change }: Planned) => change === 'new' || change === 'changed' || change === 'removed';

type Wanted = ReadonlyMap<string, Revisioned>;

/** Throws CONFIG_INVALID with all that is wrong in the file. */
function pipelinesOf(global: GlobalOptions): Wanted {
  const config = configOf(global);
  const local = localDefinitions(config);
  const models = Object.entries(local.pipelines);
  const where = config.file ?? 'the configuration';
  if (models.length === 0) throw invalid(`${where}: it names no model, so there is nothing to apply`);
  const problems = models.flatMap(([model, pipeline]) => {
    try {
      checkPipeline(model, pipeline);
      return [];
    } catch (error) {
      return [toFailure(error).message];
    }
  });
  if (problems.length > 0) throw invalid(`${where}: ${problems.join('; ')}`);
  return new Map(models.map(([model, pipeline]) => [model, { pipeline, definitions: local.writtenOut(model) }]));
}

const invalid = (message: string) => new PipelineError('CONFIG_INVALID', message);

async function planOf({ ask }: Client, wanted: Wanted, isPruned: boolean): Promise<Planned[]> {
  const { models } = await ask(API.configList, {});
  const known = new Map(models.map((it) => [it.model, it]));
  const named = await Promise.all(
    [...wanted].map(async ([model, after]): Promise<Planned> => {
      const there = known.get(model);
      const revision = there?.revision ?? 0;
      if (!there || there.removed) return { model, change: 'new', revision, differences: differences(null, after) };
      const found = differences(await ask(API.configShow, { model, revision }), after);
      return { model, change: found.length > 0 ? 'changed' : 'same', revision, differences: found };
    }),
  );
  const others = models.filter(({ model, removed }) => !removed && !wanted.has(model));
  return [...named, ...others.map((it) => unnamed(it, isPruned))];
}

const unnamed = ({ model, revision }: ConfigRevision, isPruned: boolean): Planned => ({
  ...{ model, revision, differences: [] },
  change: isPruned ? 'removed' : 'not in the file',
});

async function send({ bus }: Client, planned: Planned, wanted: Wanted, reason: string | undefined): Promise<Planned> {
  const { model, revision: expected, change } = planned;
  const about = { model, expected, ...(reason === undefined ? {} : { reason }) };
  const silence = `no orchestrator has answered; the change of ${model} is stored and is obeyed when one runs`;
  const { revision = expected } = await sendCommand(bus, {
    ...(change === 'removed'
      ? { subject: CTL.configRemove, data: about }
      : { subject: CTL.configApply, data: { ...about, ...wanted.get(model) } }),
    ...{ id: newCommandId('apply'), silence },
  });
  return { ...planned, revision };
}

const TEXT: Readonly<Record<Planned['change'], (planned: Planned) => string>> = {
  new: ({ model }) => `${model}: new\n`,
  changed: ({ model, revision }) => `${model}: differs from revision ${revision}\n`,
  same: ({ model, revision }) => `${model}: as in revision ${revision}\n`,
  removed: ({ model }) => `${model}: removed; no run of it starts any more, and its doors get no answer\n`,
  'not in the file': ({ model }) => `${model}: not in the file; it stays (--prune removes it)\n`,
};

const describePlan = (planned: readonly Planned[]) =>
  planned.map((it) => `${TEXT[it.change](it)}${describeDifferences(it.differences)}`).join('');

function print({ json, dryRun }: ApplyOptions, planned: readonly Planned[], isApplied: boolean): void {
  if (json) return void process.stdout.write(`${JSON.stringify({ applied: isApplied, models: planned })}\n`);
  if (dryRun) return void process.stdout.write('Nothing was changed: this was a look.\n');
  const lines = planned.filter(isChange).map(({ model, revision }) => `${model}: revision ${revision} counts now\n`);
  process.stdout.write(isApplied ? `${lines.join('')}${AFTERWARDS}` : 'Nothing to change.\n');
}

const AFTERWARDS = 'A run that is under way keeps its configuration; schedules have changed.\n';
