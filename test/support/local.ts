/** Definitions of a machine for tests: those of pipelines as a file has them, or none beside pipelines that are all names. */
import type { CarriedPipeline } from '../../contracts/configuration/carried.ts';
import { LocalSectionSchema } from '../../contracts/configuration/local.ts';
import { PipelineConfigSchema } from '../../contracts/configuration/pipeline.ts';
import { localDefinitions, type LocalDefinitions } from '../../infra/config/local-definitions.ts';

/** `models`: their pipelines as in a configuration file. `local`: that section of it. */
export const definitionsOf = (
  models: Readonly<Record<string, object>>,
  local: object = {},
  file?: string,
): LocalDefinitions =>
  localDefinitions({
    models: Object.fromEntries(
      Object.entries(models).map(([name, pipeline]) => [name, PipelineConfigSchema.parse(pipeline)]),
    ),
    local: LocalSectionSchema.parse(local),
    file,
  });

/** For a saga whose workers look nothing up. */
export const namesOnly = (pipelines: Readonly<Record<string, CarriedPipeline>>): LocalDefinitions => ({
  ...definitionsOf({}),
  pipelines,
});
