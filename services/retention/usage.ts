/** What stays and what goes in figures: bytes by kind and model, and each thing that stays with its reasons. Pure. */
import type { BlobRef } from '../../contracts/references.ts';
import type { Held, SweepRow } from '../../contracts/retention.ts';
import { kindOf, MANIFESTS, modelOf, unitOf, type Holds, type StoredObject } from './holds.ts';

/** Largest first. */
export function rowsOf(objects: readonly StoredObject[]): SweepRow[] {
  const rows = new Map<string, SweepRow>();
  for (const { ref } of objects) {
    const [model, kind] = [modelOf(ref), kindOf(ref)];
    const before = rows.get(`${kind} ${model}`);
    const { objects: count, bytes } = before ?? { objects: 0, bytes: 0 };
    rows.set(`${kind} ${model}`, { model, kind, objects: count + 1, bytes: bytes + ref.bytes });
  }
  return [...rows.values()].toSorted((a, b) => b.bytes - a.bytes);
}

/**
 * Snapshots and folders of runs, largest first. `parts`: what each manifest names, by its key; those of which nothing is known
 * are left out.
 */
export function heldOf(
  objects: readonly StoredObject[],
  holds: Holds,
  parts: ReadonlyMap<string, readonly BlobRef[]>,
): Held[] {
  const reasonsOf = (unit: string) => [...(holds.get(unit) ?? [])];
  const folders = new Map<string, Held>();
  for (const { ref } of objects) {
    const unit = unitOf(ref);
    if (!unit.endsWith('/')) continue;
    const bytes = (folders.get(unit)?.bytes ?? 0) + ref.bytes;
    const what = unit.slice(ref.bucket.length + 1, -1);
    folders.set(unit, { what, bucket: ref.bucket, bytes, alone: bytes, reasons: reasonsOf(unit) });
  }
  const users = new Map<string, number>();
  for (const { key } of [...parts.values()].flat()) users.set(key, (users.get(key) ?? 0) + 1);
  const snapshots = objects.flatMap(({ ref }): Held[] => {
    const own = ref.key.startsWith(MANIFESTS) ? parts.get(ref.key) : undefined;
    if (!own) return [];
    const sum = (refs: readonly BlobRef[]) => refs.reduce((bytes, it) => bytes + it.bytes, ref.bytes);
    const alone = own.filter(({ key }) => users.get(key) === 1);
    const { bucket } = ref;
    return [{ what: ref.key, bucket, bytes: sum(own), alone: sum(alone), reasons: reasonsOf(unitOf(ref)) }];
  });
  return [...snapshots, ...folders.values()]
    .filter(({ reasons }) => reasons.length > 0)
    .toSorted((a, b) => b.bytes - a.bytes);
}
