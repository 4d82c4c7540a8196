/** Paths of modules of one's own, made absolute: in a configuration file they are relative to the file. */
import { resolve } from 'node:path';
import type { WrittenSource } from '../../contracts/configuration/data.ts';
import type { LocalName } from '../../contracts/configuration/local-name.ts';
import type { LocalSection } from '../../contracts/configuration/local.ts';
import type { OwnModule } from '../../contracts/configuration/own-module.ts';
import type { PipelineConfig } from '../../contracts/configuration/pipeline.ts';

const absolute = <Own extends OwnModule>(folder: string, own: Own): Own => ({
  ...own,
  module: resolve(folder, own.module),
});
const located = (folder: string, source: WrittenSource) =>
  source.type === 'module' ? absolute(folder, source) : source;
const chosen = <Word extends string>(folder: string, strategy: Word | OwnModule | LocalName) =>
  typeof strategy === 'object' && 'module' in strategy ? absolute(folder, strategy) : strategy;

export function withModulesFrom(folder: string, pipeline: PipelineConfig): PipelineConfig {
  const { sources, strangers, training, deployment } = pipeline;
  return {
    ...pipeline,
    sources: sources.map((source) => located(folder, source)),
    strangers: strangers.map((source) => located(folder, source)),
    training: { ...training, strategy: chosen(folder, training.strategy) },
    deployment: { ...deployment, strategy: chosen(folder, deployment.strategy) },
  };
}

export const localModulesFrom = (folder: string, local: LocalSection): LocalSection => ({
  ...local,
  modules: Object.fromEntries(Object.entries(local.modules).map(([name, own]) => [name, absolute(folder, own)])),
  sources: local.sources.map((source) => (source.type === 'module' ? absolute(folder, source) : source)),
});
