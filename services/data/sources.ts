/**
 * Configuration -> data source. A new variant is one file beside this one and one case here; one of one's own is a module
 * that the configuration names.
 */
import { assertNever } from '../../contracts/errors.ts';
import type { SourceConfig } from '../../contracts/configuration/data.ts';
import { PHOTOGRAPHS_DEFAULT } from '../../contracts/configuration/sources.ts';
import { loadOwn } from '../own-module.ts';
import { createDirectorySource } from './directory-source.ts';
import { createHttpSource } from './http-source.ts';
import { createJetStreamSource } from './jetstream-source.ts';
import { createS3Source } from './s3-source.ts';
import { withScaledPhotographs } from './photograph.ts';
import type { DataSource, SourceContext } from './strategy.ts';

export type * from './strategy.ts';

/** The source that a module makes; its name in the pipeline comes from the configuration, and is told to it for its errors. */
export type OwnSource = Pick<DataSource, 'samples'> & Partial<Pick<DataSource, 'type'>>;

/** Throws STRATEGY_UNAVAILABLE where it is one of one's own that cannot be loaded. */
export async function createSource(config: SourceConfig, context: SourceContext = {}): Promise<DataSource> {
  const source = { ...(await variantOf(config, context)), policy: config.policy };
  return withScaledPhotographs(source, config.photographs ?? PHOTOGRAPHS_DEFAULT);
}

async function variantOf(config: SourceConfig, context: SourceContext): Promise<DataSource> {
  switch (config.type) {
    case 'http':
      return createHttpSource(config, context);
    case 'directory':
      return createDirectorySource(config);
    case 's3':
      return createS3Source(config, context);
    case 'jetstream':
      return createJetStreamSource(config, context);
    case 'module':
      return ownSource(config);
    default:
      return assertNever(config);
  }
}

async function ownSource(config: SourceConfig & { readonly type: 'module' }): Promise<DataSource> {
  const { name } = config;
  const own = await loadOwn<OwnSource>(`source "${name}"`, config, ['samples'], { name });
  return { name, type: own.type ?? config.type, samples: (signal) => own.samples(signal) };
}
