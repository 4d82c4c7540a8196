/** Configuration -> data source. A new variant is one file beside this one and one case here. */
import { assertNever } from '../../contracts/errors.ts';
import type { SourceConfig } from '../../contracts/configuration/data.ts';
import { createDirectorySource } from './directory-source.ts';
import { createHttpSource } from './http-source.ts';
import type { DataSource } from './strategy.ts';

export function createSource(config: SourceConfig): DataSource {
  switch (config.type) {
    case 'http':
      return createHttpSource(config);
    case 'directory':
      return createDirectorySource(config);
    default:
      return assertNever(config);
  }
}
