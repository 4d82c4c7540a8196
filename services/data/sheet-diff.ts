/** Two nights' data side by side, from their sheets. Pure; called by `nightshift data diff`. */
import type { DataSheet } from '../../contracts/data-sheet.ts';
import { personName } from '../../contracts/person-name.ts';

export interface SheetDiff {
  readonly from: string;
  readonly to: string;
  /** Both train and judge with the same. */
  readonly same: boolean;
  readonly came: readonly string[];
  readonly left: readonly string[];
  /** Of those who are in both. */
  readonly changed: readonly { readonly label: string; readonly added: number; readonly gone: number }[];
  readonly images: { readonly before: number; readonly after: number; readonly added: number; readonly gone: number };
  /** Images, those of strangers too. */
  readonly sources: readonly { readonly name: string; readonly before: number | null; readonly after: number | null }[];
}

export function diffSheets(before: DataSheet, after: DataSheet): SheetDiff {
  const [then, now] = [byForm(before), byForm(after)];
  const came = [...now].filter(([form]) => !then.has(form)).map(([, { label }]) => label);
  const left = [...then].filter(([form]) => !now.has(form)).map(([, { label }]) => label);
  const both = [...now].flatMap(([form, { label, images }]) => {
    const had = then.get(form)?.images;
    return had === undefined ? [] : [{ label, added: lacking(had, images), gone: lacking(images, had) }];
  });
  const sum = (people: Iterable<{ readonly images: ReadonlySet<string> }>) =>
    [...people].reduce((total, { images }) => total + images.size, 0);
  const imagesOf = (labels: readonly string[], people: typeof now) =>
    sum(labels.flatMap((label) => people.get(personName(label)) ?? []));
  return {
    ...{ from: before.runId, to: after.runId, came, left },
    same: before.content !== null && before.content === after.content,
    changed: both.filter(({ added, gone }) => added + gone > 0),
    images: {
      before: sum(then.values()),
      after: sum(now.values()),
      added: imagesOf(came, now) + both.reduce((total, { added }) => total + added, 0),
      gone: imagesOf(left, then) + both.reduce((total, { gone }) => total + gone, 0),
    },
    sources: sourcesOf(before, after),
  };
}

const byForm = ({ people }: DataSheet) =>
  new Map(people.map(({ label, images }) => [personName(label), { label, images: new Set(images) }]));

const lacking = (known: ReadonlySet<string>, images: ReadonlySet<string>): number =>
  [...images].filter((mark) => !known.has(mark)).length;

function sourcesOf(before: DataSheet, after: DataSheet): SheetDiff['sources'] {
  const names = new Set([...before.sources, ...after.sources].map(({ name }) => name));
  const samplesIn = ({ sources }: DataSheet, name: string) => sources.find((it) => it.name === name)?.samples ?? null;
  return [...names].map((name) => ({ name, before: samplesIn(before, name), after: samplesIn(after, name) }));
}
