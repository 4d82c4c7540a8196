/**
 * The programs, files, modules and sources of this machine, by the names that messages carry. They come from the configuration
 * file of this process alone: from its section `local`, and from the pipelines that are written out in it. The actors ask
 * here at the moment of use, so that a message can choose among them and bring none.
 */
import { createHash } from 'node:crypto';
import type {
  CarriedDeployment,
  CarriedFaces,
  CarriedPipeline,
  CarriedTraining,
  CarriedVerification,
} from '../../contracts/configuration/carried.ts';
import { mapNames, separate, sourceKey } from '../../contracts/configuration/separate.ts';
import type { LocalSource, SourceConfig } from '../../contracts/configuration/data.ts';
import type { DeploymentConfig } from '../../contracts/configuration/deployment.ts';
import type { FacesConfig } from '../../contracts/configuration/faces.ts';
import type { LocalName } from '../../contracts/configuration/local-name.ts';
import type { LocalKind, LocalSection } from '../../contracts/configuration/local.ts';
import type { OwnModule } from '../../contracts/configuration/own-module.ts';
import type { PipelineConfig } from '../../contracts/configuration/pipeline.ts';
import {
  BackboneSchema,
  FOREIGN_MODEL_LIMITS,
  type CommandConfig,
  type TrainingConfig,
} from '../../contracts/configuration/training.ts';
import { VerificationConfigSchema, type VerificationConfig } from '../../contracts/configuration/verification.ts';
import type { ConfigDefinitions } from '../../contracts/configuration/record.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { writtenOutOf } from './written-out.ts';

export interface LocalDefinitions {
  /** The pipelines of the file as they travel. */
  readonly pipelines: Readonly<Record<string, CarriedPipeline>>;
  /** The next five throw LOCAL_UNDEFINED, and put in what this machine has of its own. */
  sources(model: string, list: 'sources' | 'strangers', named: readonly LocalSource[]): SourceConfig[];
  faces(named: CarriedFaces | undefined): FacesConfig | undefined;
  training(model: string, named: CarriedTraining): TrainingConfig;
  verification(model: string, named: CarriedVerification): VerificationConfig;
  deployment(named: CarriedDeployment): DeploymentConfig;
  /** A digest of each source, program and file that the model's pipeline in the file writes out, by its place; see written-out.ts. */
  writtenOut(model: string): ConfigDefinitions;
  /** Names in the pipelines of the file that it does not define, each as an error would say it. */
  undefinedNames(): string[];
  /** The pipeline with a digest of each definition that is known here beside its name. */
  stamped(pipeline: CarriedPipeline): CarriedPipeline;
}

export interface LocalFile {
  readonly models: Readonly<Record<string, PipelineConfig>>;
  readonly local: LocalSection;
  /** For messages; absent if the configuration came from no file. */
  readonly file?: string | undefined;
}

export function localDefinitions(config: LocalFile): LocalDefinitions {
  const parts = Object.entries(config.models).map(([model, pipeline]) => [model, separate(model, pipeline)] as const);
  const known = new Map<string, unknown>();
  for (const { kind, name, value } of [...sharedOf(config.local), ...parts.flatMap(([, part]) => part.definitions)]) {
    known.set(keyOf(kind, name), value);
  }
  const look = { known, file: config.file ?? 'its configuration' };
  const faces: LocalDefinitions['faces'] = (named) => named && { ...named, detector: fileOf(look, named.detector) };
  return {
    pipelines: Object.fromEntries(parts.map(([model, { carried }]) => [model, carried])),
    sources: (model, list, named) => named.map(({ name }) => sourceOf(look, model, list, name)),
    faces,
    training: (model, named) => trainingOf(look, config.models[model]?.training, named),
    verification: (model, named) => ({
      ...named,
      featuresDir: (config.models[model]?.verification ?? OWN_OF_VERIFICATION).featuresDir,
    }),
    deployment: (named) => ({ ...named, strategy: moduleOr(look, named.strategy) }),
    writtenOut: (model) => writtenOutOf(model, parts.find(([name]) => name === model)?.[1].definitions ?? []),
    undefinedNames: () => parts.flatMap(([model, { carried }]) => undefinedIn(look, model, carried)),
    stamped: remembering((pipeline) => mapNames(pipeline, (name, kind) => stampedName(known, name, kind))),
  };
}

/** Definitions stay as they are while the process lives, and a pipeline is never changed in place. */
function remembering(stamp: LocalDefinitions['stamped']): LocalDefinitions['stamped'] {
  const stamped = new WeakMap<CarriedPipeline, CarriedPipeline>();
  return (pipeline) => {
    const known = stamped.get(pipeline) ?? stamp(pipeline);
    stamped.set(pipeline, known);
    return known;
  };
}

interface Look {
  /** By kind and name. */
  readonly known: ReadonlyMap<string, unknown>;
  readonly file: string;
}

const keyOf = (kind: LocalKind, name: string) => `${kind} ${name}`;

function sharedOf({ sources, ...named }: LocalSection) {
  const byName = Object.entries(named).flatMap(([kind, all]) =>
    Object.entries(all).map(([name, value]) => ({ kind: kind as LocalKind, name, value: value as unknown })),
  );
  return [...byName, ...sources.map((value) => ({ kind: 'sources' as const, name: value.name, value }))];
}

/** What a machine has where its file has no such model. */
const OWN_OF_VERIFICATION = VerificationConfigSchema.parse({});
const CACHE_DIR = BackboneSchema.parse({ path: 'any' }).cacheDir;

function trainingOf(look: Look, own: PipelineConfig['training'] | undefined, named: CarriedTraining): TrainingConfig {
  const { command, backbone, strategy, ...settings } = named;
  return {
    ...settings,
    strategy: moduleOr(look, strategy),
    foreignModel: own?.foreignModel ?? FOREIGN_MODEL_LIMITS,
    ...(command && { command: find(look, 'programs', command.local) as CommandConfig }),
    ...(backbone && {
      backbone: {
        ...backbone,
        path: fileOf(look, backbone.path),
        cacheDir: own?.backbone?.cacheDir ?? CACHE_DIR,
      },
    }),
  };
}

/** Each kind holds values of one type, which its schema has checked. */
const fileOf = (look: Look, { local }: LocalName) => find(look, 'files', local) as string;
const moduleOr = <Word extends string>(look: Look, strategy: Word | LocalName): Word | OwnModule =>
  typeof strategy === 'string' ? strategy : (find(look, 'modules', strategy.local) as OwnModule);

function find(look: Look, kind: LocalKind, name: string): unknown {
  const found = look.known.get(keyOf(kind, name));
  if (found !== undefined) return found;
  throw undefinedName(look, kind, name, placesOf(kind, name));
}

/** The list of the model comes first, then the section `local`. */
function sourceOf(look: Look, model: string, list: 'sources' | 'strangers', name: string): SourceConfig {
  const found =
    look.known.get(keyOf('sources', sourceKey(model, list, name))) ?? look.known.get(keyOf('sources', name));
  if (found !== undefined) return found as SourceConfig; // As above.
  throw undefinedName(look, 'sources', name, `as an element of models.${model}.${list}, or of local.sources`);
}

const WORDS: Readonly<Record<LocalKind, string>> = {
  programs: 'program',
  files: 'file',
  modules: 'module',
  sources: 'source',
};

/** A name with dots is a place in the file of the orchestrator. */
const placesOf = (kind: LocalKind, name: string): string =>
  name.includes('.') ? `as models.${name}, as the orchestrator's file has it` : `as local.${kind}.${name}`;

const undefinedName = ({ known, file }: Look, kind: LocalKind, name: string, place: string) => {
  const others = [...known.keys()].filter((key) => key.startsWith(`${kind} `)).map((key) => key.slice(kind.length + 1));
  return new PipelineError(
    'LOCAL_UNDEFINED',
    `no ${WORDS[kind]} "${name}" is defined on this machine; write it into ${file} ${place}, and start this process ` +
      `again. Defined there: ${others.join(', ') || 'none'}`,
  );
};

function undefinedIn(look: Look, model: string, pipeline: CarriedPipeline): string[] {
  const problems: string[] = [];
  const attempt = (lookUp: () => unknown) => {
    try {
      lookUp();
    } catch (error) {
      problems.push((error as PipelineError).message); // Looking up throws nothing else.
    }
  };
  mapNames(pipeline, (name, kind) => {
    attempt(() => find(look, kind, name.local));
    return name;
  });
  for (const list of ['sources', 'strangers'] as const)
    for (const { name } of pipeline[list]) attempt(() => sourceOf(look, model, list, name));
  return problems;
}

const DIGITS = 12;

function stampedName(known: Look['known'], { local }: LocalName, kind: LocalKind): LocalName {
  const definition = known.get(keyOf(kind, local));
  if (definition === undefined) return { local };
  return { local, version: createHash('sha256').update(JSON.stringify(definition)).digest('hex').slice(0, DIGITS) };
}
