/**
 * The configuration: `nightshift.config.json`, if there is one, with the environment over it, checked once. Every
 * setting has a default except the models. Called by the CLI.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { describeIssues } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { LocalSectionSchema } from '../../contracts/configuration/local.ts';
import type { CarriedPipeline } from '../../contracts/configuration/carried.ts';
import { NotifyConfigSchema } from '../../contracts/configuration/notify.ts';
import { PipelineConfigSchema, type PipelineConfig } from '../../contracts/configuration/pipeline.ts';
import { RetentionConfigSchema } from '../../contracts/configuration/retention.ts';
import { TokenSchema } from '../../contracts/references.ts';
import { LOG_LEVELS } from '../../runtime/logger.ts';
import { GatewayConfigSchema } from './gateway.ts';
import { NatsConfigSchema } from './nats.ts';
import { layered, NATS_VARIABLES, type NatsOptions } from './nats-layers.ts';
import { localModulesFrom, withModulesFrom } from './own-modules.ts';
import { ReleasesConfigSchema, withPathsFrom } from './releases.ts';
import { SupervisorConfigSchema } from './supervisor.ts';
import { TracesConfigSchema } from './traces.ts';
import { describeUnknown } from './unknown-settings.ts';

export const CONFIG_FILE = 'nightshift.config.json';

const InferenceConfigSchema = z
  .strictObject({
    replicas: z.number().int().min(1).max(64).default(1).describe('Replicas of each model in this process.'),
    queueMax: z
      .number()
      .int()
      .min(1)
      .default(256)
      .describe('Requests that may wait at a replica; more are turned away at once.'),
    batchMax: z.number().int().min(1).default(16).describe('Images per run of the model.'),
    delayMaxMs: z
      .number()
      .min(0)
      .max(1_000)
      .default(0)
      .describe('How long several requests that fill no batch may be held for more; one that is alone never is.'),
    hangMinMs: z
      .number()
      .int()
      .min(50)
      .default(500)
      .describe('A run that takes ten times as long as it should counts as hung, but never before this.'),
    threads: z
      .number()
      .int()
      .min(1)
      .default(1)
      .describe('Threads per model that onnxruntime may use inside one operator.'),
  })
  .describe('The replicas, which serve.');

const CollectorConfigSchema = z
  .strictObject({
    cacheDir: z
      .string()
      .min(1)
      .default('.nightshift/sources')
      .describe(
        'Folder for answers of sources, so that what is unchanged is not transferred again. Images of people lie in it.',
      ),
    cacheBytes: z
      .number()
      .int()
      .min(0)
      .default(10 * 1024 ** 3)
      .describe('So much of each source is kept at most; 0: nothing.'),
  })
  .describe('The collector.');

export const ConfigSchema = z.strictObject({
  $schema: z
    .string()
    .optional()
    .describe('Where an editor finds the JSON Schema of this file. Nightshift does not read it.'),
  nats: NatsConfigSchema.prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(LOG_LEVELS)
        .default('info')
        .describe('Logs go to stderr: JSON lines, or readable ones on a terminal.'),
    })
    .prefault({})
    .describe('The log of the process.'),
  collector: CollectorConfigSchema.prefault({}),
  inference: InferenceConfigSchema.prefault({}),
  serving: z
    .strictObject({
      consistency: z
        .enum(['available', 'strict'])
        .default('available')
        .describe(
          'For a replica that is cut off from the store. `available`: it goes on with its release and marks its replies stale. `strict`: it holds its requests, because another release may be in service.',
        ),
    })
    .prefault({})
    .describe('The promises to clients.'),
  gallery: z
    .strictObject({
      approval: z
        .enum(['none', 'second'])
        .default('none')
        .describe(
          '`second`: an enrolment or a removal waits until another person approves it, which needs a server that demands a login.',
        ),
    })
    .prefault({})
    .describe('Changes of the galleries.'),
  releases: ReleasesConfigSchema.prefault({}),
  shutdown: z
    .strictObject({
      graceMs: z
        .number()
        .int()
        .min(0)
        .max(600_000)
        .default(8_000)
        .describe('From the signal to the end, whatever hangs; a second signal ends at once.'),
    })
    .prefault({})
    .describe('The end of the process.'),
  gateway: GatewayConfigSchema.prefault({}),
  notify: NotifyConfigSchema.prefault({}),
  supervisor: SupervisorConfigSchema.prefault({}),
  traces: TracesConfigSchema.prefault({}),
  local: LocalSectionSchema.prefault({}),
  retention: RetentionConfigSchema.prefault({}),
  models: z.record(TokenSchema, PipelineConfigSchema).default({}).describe('The pipeline of each model, by its name.'),
});
export interface Config extends z.infer<typeof ConfigSchema> {
  /** The file that it was read from, for messages. */
  readonly file?: string | undefined;
  /** From --inspect: the port on which the orchestrator shows its runs to Stately's inspector. */
  readonly inspectPort?: number | undefined;
}

export interface LoadConfigOptions {
  /** From --config; a file that is named must be there. */
  readonly path?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** From the command line. */
  readonly nats?: NatsOptions;
}

/** Throws CONFIG_INVALID naming the file and each field that does not fit. */
export function loadConfig({ path, env, nats = {} }: LoadConfigOptions): Config {
  const named = path ?? (env['NIGHTSHIFT_CONFIG'] || undefined);
  const file = resolve(named ?? CONFIG_FILE);
  if (named !== undefined && !existsSync(file)) throw invalid(`the file ${file} does not exist`);
  const written = existsSync(file) ? readJson(file) : {};
  const where = existsSync(file) ? file : 'environment';
  const whole = withLayers(written, file, env, nats);
  const parsed = ConfigSchema.safeParse(whole);
  const problems = describeUnknown(ConfigSchema, whole);
  if (parsed.success) problems.push(...namedTwice(parsed.data), ...quorumsTooLarge(parsed.data));
  if (parsed.success && problems.length === 0) return { ...withAbsoluteModules(parsed.data, dirname(file)), file };
  // Unknown settings are named above, with their neighbours.
  const rest = (parsed.error?.issues ?? []).filter(({ code }) => code !== 'unrecognized_keys');
  if (rest.length > 0) problems.push(describeIssues({ issues: rest }));
  throw invalid(`${where}: ${problems.join('; ')}`);
}

function withAbsoluteModules(config: Config, folder: string): Config {
  const models = Object.entries(config.models).map(([name, model]) => [name, withModulesFrom(folder, model)] as const);
  const own = { releases: withPathsFrom(folder, config.releases), local: localModulesFrom(folder, config.local) };
  return { ...config, ...own, models: Object.fromEntries(models) };
}

/** A source is found by its name in its list, so that two of one name would be one. */
function namedTwice({ local, models }: Config): string[] {
  const lists = Object.entries(models).flatMap(([model, { sources, strangers }]) => listsOf(model, sources, strangers));
  return [...lists, { place: 'local.sources', names: local.sources.map(({ name }) => name) }].flatMap(describeTwice);
}

function describeTwice({ place, names }: { place: string; names: readonly string[] }): string[] {
  const twice = names.find((name, index) => names.indexOf(name) < index);
  return twice === undefined ? [] : [`${place}: two sources are called "${twice}"; give each a name of its own`];
}

const quorumsTooLarge = ({ models }: Config): string[] =>
  Object.entries(models).flatMap(([model, pipeline]) => quorumTooLarge(model, pipeline));

/** Such a quorum is never met. Nobody would hear of it before the night on which a source fails. */
function quorumTooLarge(
  model: string,
  { sources, checks }: { readonly sources: Named; readonly checks: PipelineConfig['checks'] },
): string[] {
  const quorum = checks.sourceFailed?.quorum ?? 1;
  if (quorum <= sources.length) return [];
  const place = `models.${model}.checks.sourceFailed.quorum`;
  return [`${place}: ${quorum} sources cannot be read, because there are ${sources.length}`];
}

/** The same for one pipeline, wherever it comes from: what is wrong with its sources. */
export const wrongSources = (
  model: string,
  pipeline: Pick<CarriedPipeline, 'sources' | 'strangers' | 'checks'>,
): string[] => [
  ...listsOf(model, pipeline.sources, pipeline.strangers).flatMap(describeTwice),
  ...quorumTooLarge(model, pipeline),
];

type Named = readonly { readonly name: string }[];
const listsOf = (model: string, sources: Named, strangers: Named) => [
  { place: `models.${model}.sources`, names: sources.map(({ name }) => name) },
  { place: `models.${model}.strangers`, names: strangers.map(({ name }) => name) },
];

/** Environment variable -> its place in the configuration. An empty variable counts as absent. */
export const OVERRIDES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(NATS_VARIABLES).map(([name, { setting }]) => [name, `nats.${setting}`])),
  NIGHTSHIFT_LOG_LEVEL: 'log.level',
};

/** Anything that is not an object is left as it is, for the schema to refuse. */
function withLayers(written: unknown, file: string, env: LoadConfigOptions['env'], options: NatsOptions): unknown {
  if (!isObject(written)) return written;
  const { nats = {}, log = {} } = written;
  const level = env['NIGHTSHIFT_LOG_LEVEL'];
  return {
    ...written,
    nats: isObject(nats) ? layered(nats, file, env, options) : nats,
    log: level && isObject(log) ? { ...log, level } : log,
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw invalid(`${file} is not readable JSON: ${String(cause)}`, cause);
  }
}

const invalid = (message: string, cause?: unknown) => new PipelineError('CONFIG_INVALID', message, { cause });
