/** Paths of strategies of one's own, made absolute: in a configuration file they are relative to the file. */
import { resolve } from 'node:path';
import type { SourceConfig } from '../../contracts/configuration/data.ts';
import type { OwnModule } from '../../contracts/configuration/own-module.ts';
import type { PipelineConfig } from '../../contracts/configuration/pipeline.ts';

export function withModulesFrom(folder: string, pipeline: PipelineConfig): PipelineConfig {
  const { sources, strangers, training, deployment } = pipeline;
  const absolute = <Own extends OwnModule>(own: Own): Own => ({ ...own, module: resolve(folder, own.module) });
  const chosen = <Name extends string>(strategy: Name | OwnModule) =>
    typeof strategy === 'object' ? absolute(strategy) : strategy;
  const located = (source: SourceConfig) => (source.type === 'module' ? absolute(source) : source);
  return {
    ...pipeline,
    sources: sources.map(located),
    strangers: strangers.map(located),
    training: { ...training, strategy: chosen(training.strategy) },
    deployment: { ...deployment, strategy: chosen(deployment.strategy) },
  };
}
