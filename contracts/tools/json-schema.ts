/**
 * A schema of ours as JSON Schema for people who read messages elsewhere: as it is on the wire. A field with a default may be
 * left out by a sender, and later versions may add fields, so neither is an error. Schemas that have a name (`nameSchemas`)
 * are written once and referred to. Called by schema-files.ts and asyncapi.ts.
 */
import { z } from 'zod';

export type JsonObject = Readonly<Record<string, unknown>>;
export type Draft = 'draft-07' | 'draft-2020-12';

export interface Parts {
  readonly draft: Draft;
  /** Where the named ones stand, such as `#/$defs/`. */
  readonly at: string;
  readonly named: Map<string, JsonObject>;
}

/** The schema itself; those that it refers to are added to `parts`. */
export function jsonSchemaOf(schema: z.ZodType, { draft, at, named }: Parts): JsonObject {
  const json = z.toJSONSchema(schema, { target: draft, io: 'output', unrepresentable: 'any', override: asOnTheWire });
  const text = JSON.stringify(json).replaceAll(/"#\/(?:\$defs|definitions)\/(\w+)"/g, `"${at}$1"`);
  // As toJSONSchema makes it.
  const { $schema: _, $defs, definitions, ...own } = JSON.parse(text) as JsonObject;
  const found = ($defs ?? definitions ?? {}) as Readonly<Record<string, JsonObject>>;
  for (const [name, { id: _id, ...part }] of Object.entries(found)) named.set(name, part);
  return own;
}

/** Puts a schema under a name and answers the reference to it. */
export function partOf(name: string, schema: z.ZodType, parts: Parts): JsonObject {
  const reference = { $ref: `${parts.at}${name}` };
  const own = jsonSchemaOf(schema, parts);
  // A schema that has this very name is in already.
  if (own['$ref'] !== reference.$ref) parts.named.set(name, own);
  return reference;
}

interface Written {
  additionalProperties?: unknown;
  required?: string[];
  minimum?: number;
  maximum?: number;
}

function asOnTheWire({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: Written }): void {
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  const { def } = zodSchema._zod;
  if (def.type !== 'object') return;
  if (def.catchall?._zod.def.type !== 'never') delete jsonSchema.additionalProperties;
  if (!jsonSchema.required) return;
  jsonSchema.required = jsonSchema.required.filter((name) => def.shape[name]?._zod.optin === undefined);
  if (jsonSchema.required.length === 0) delete jsonSchema.required;
}
