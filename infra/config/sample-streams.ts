/** Rights that a configuration adds to the table: its collector reads streams of samples, which their owners name. */
import type { SourceConfig, WrittenSource } from '../../contracts/configuration/data.ts';
import { sampleStreamRights } from '../access/permissions.ts';
import type { MoreRights } from '../access/server-users.ts';

interface Configured {
  readonly local: { readonly sources: readonly SourceConfig[] };
  readonly models: Readonly<
    Record<string, { readonly sources: readonly WrittenSource[]; readonly strangers: readonly WrittenSource[] }>
  >;
}

/** For the users of a server; see server-users.ts. */
export function moreRights({ local, models }: Configured): MoreRights {
  const sources = [
    ...local.sources,
    ...Object.values(models).flatMap((model) => [...model.sources, ...model.strangers]),
  ];
  const streams = new Set(sources.flatMap((source) => (source.type === 'jetstream' ? [source.stream] : [])));
  return { collector: [...streams].flatMap(sampleStreamRights) };
}
