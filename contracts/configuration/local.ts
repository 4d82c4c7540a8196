/**
 * Names of what a worker's own configuration file defines: programs, modules, files and sources. Messages, forks and
 * checkpoints carry the names (carried.ts); the worker finds the definition in its file (infra/config/local-definitions.ts).
 */
import { z } from 'zod';
import { TokenSchema } from '../references.ts';
import { SourceConfigSchema } from './data.ts';
import { OwnModuleSchema } from './own-module.ts';
import { CommandSchema } from './training.ts';

export const LocalSectionSchema = z
  .strictObject({
    programs: z
      .record(TokenSchema, CommandSchema)
      .default({})
      .describe('Training programs, which `{"local": "<name>"}` in `training.command` names.'),
    files: z
      .record(TokenSchema, z.string().min(1))
      .default({})
      .describe(
        'Paths of ONNX files, which `{"local": "<name>"}` names in `training.backbone.path` or `faces.detector`.',
      ),
    modules: z
      .record(TokenSchema, OwnModuleSchema)
      .default({})
      .describe(
        'Strategies of your own, which `{"local": "<name>"}` in `training.strategy` or `deployment.strategy` names.',
      ),
    sources: z
      .array(SourceConfigSchema)
      .default([])
      .describe('Sources, which `{"type": "local", "name": "<name>"}` in `sources` or `strangers` names.'),
  })
  .describe(
    'Definitions that pipelines name. Each is used on the machine whose file this is, and no message brings one. ' +
      'A definition that a pipeline of this file writes out has a name of its own and need not be here.',
  );
export type LocalSection = z.infer<typeof LocalSectionSchema>;
export type LocalKind = keyof LocalSection;
