/** What a snapshot holds, in the few figures that a report shows of it. Pure. */
import type { DatasetManifest, ImageSpec, Quarantined } from '../../contracts/dataset.ts';

export interface DataSummary {
  readonly image: ImageSpec;
  readonly people: number;
  readonly heldOut: number;
  readonly strangers: number;
  readonly counts: DatasetManifest['counts'];
  readonly sources: DatasetManifest['sources'];
  /** Most frequent first, among those that the manifest lists. */
  readonly quarantined: readonly { readonly reason: Quarantined['reason']; readonly count: number }[];
  readonly quarantinedTotal: number;
  /** Of the total, those that the manifest lists with their reasons. */
  readonly quarantinedListed: number;
  /** Absent before 0.6.0, as is the version of the collector. */
  readonly shards?: DatasetManifest['shards'];
  readonly version?: string | undefined;
}

export function dataSummaryOf(manifest: DatasetManifest): DataSummary {
  const { image, labels, heldOut, strangers, counts, sources, quarantined, quarantinedTotal } = manifest;
  const { shards, version } = manifest;
  const reasons = new Map<Quarantined['reason'], number>();
  for (const { reason } of quarantined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  return {
    ...{ image, counts, sources, quarantinedTotal, shards, version },
    people: labels.length,
    heldOut: heldOut.length,
    strangers: strangers.length,
    quarantined: [...reasons]
      .map(([reason, count]) => ({ reason, count }))
      .sort((a, b) => b.count - a.count || a.reason.localeCompare(b.reason)),
    quarantinedListed: quarantined.length,
  };
}
