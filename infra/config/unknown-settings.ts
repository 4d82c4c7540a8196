/**
 * Finds settings that do not exist, with those that do in their place: a misspelt limit that is dropped in silence
 * would be a limit that nobody set. Walks the written text beside its schema. Called by config.ts; messages are read
 * less strictly, because a newer sender may say more.
 */
import type { z } from 'zod';

interface Unknown {
  readonly path: string;
  readonly key: string;
  /** Settings that exist there. */
  readonly known: readonly string[];
}

/** One sentence per setting that does not exist; empty when all do. */
export const describeUnknown = (schema: z.ZodType, written: unknown): string[] =>
  [...unknownIn(schema, written, [])].map(({ path, key, known }) => {
    const near = nearest(key, known);
    const hint = near.length > 0 ? `did you mean ${near.join(' or ')}?` : `there are ${known.join(', ')}`;
    return `${path}: there is no such setting; ${hint}`;
  });

/** The part of zod's description of a schema that is used here; its own type is a union of thirty. */
interface Shape {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly innerType?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly discriminator?: string;
  readonly getter?: () => z.ZodType;
}
const shapeOf = (schema: z.ZodType): Shape => schema.def as unknown as Shape;

function* unknownIn(schema: z.ZodType, written: unknown, path: readonly string[]): Generator<Unknown> {
  const { shape, innerType, valueType, element, getter, options, discriminator } = shapeOf(schema);
  const inside = innerType ?? getter?.();
  if (inside) yield* unknownIn(inside, written, path);
  else if (Array.isArray(written) && element) {
    for (const [index, item] of written.entries()) yield* unknownIn(element, item, [...path, String(index)]);
  } else if (isObject(written) && shape) yield* unknownKeys(shape, written, path);
  else if (isObject(written) && valueType) {
    for (const [key, value] of Object.entries(written)) yield* unknownIn(valueType, value, [...path, key]);
  } else if (options) {
    // If it is not clear which of several is meant, the schema itself decides.
    const meant = discriminator ? options.find((option) => isMeant(option, discriminator, written)) : undefined;
    if (meant) yield* unknownIn(meant, written, path);
  }
}

function* unknownKeys(
  shape: NonNullable<Shape['shape']>,
  written: Readonly<Record<string, unknown>>,
  path: readonly string[],
): Generator<Unknown> {
  for (const [key, value] of Object.entries(written)) {
    const inner = shape[key];
    if (inner) yield* unknownIn(inner, value, [...path, key]);
    else yield { path: [...path, key].join('.'), key, known: Object.keys(shape) };
  }
}

const isMeant = (option: z.ZodType, discriminator: string, written: unknown): boolean => {
  const literal = shapeOf(option).shape?.[discriminator];
  return isObject(written) && literal !== undefined && literal.safeParse(written[discriminator]).success;
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A slip of the fingers, or a word of the name. */
const SLIPS_MAX = 2;
const HINTS_MAX = 3;

function nearest(key: string, known: readonly string[]): string[] {
  const lower = key.toLowerCase();
  const isPart = (name: string) => name.toLowerCase().includes(lower) || lower.includes(name.toLowerCase());
  const ranked = known
    .map((name) => ({ name, slips: distance(lower, name.toLowerCase()) }))
    .filter(({ name, slips }) => slips <= SLIPS_MAX || isPart(name))
    .sort((a, b) => a.slips - b.slips);
  return ranked.slice(0, HINTS_MAX).map(({ name }) => name);
}

/** Levenshtein's distance: letters to insert, delete or replace (V. I. Levenshtein, 1966). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of a.split('').entries()) {
    const next = [i + 1];
    for (const [j, other] of b.split('').entries()) {
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
