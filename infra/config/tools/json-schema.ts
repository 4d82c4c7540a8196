/**
 * The schema of the configuration as JSON Schema: for editors as it is, and for document.ts, which makes a page of it.
 * It says what may be written, so a setting with a default need not be there.
 */
import { z } from 'zod';
import { ConfigSchema } from '../config.ts';

/** JSON Schema, as far as ours use it. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly $ref?: string;
}

export function configurationSchema(): JsonSchema {
  const schema = z.toJSONSchema(ConfigSchema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      // Settings that do not exist are refused in every section (unknown-settings.ts).
      if (jsonSchema.properties) jsonSchema.additionalProperties = false;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return schema as JsonSchema; // Both say JSON Schema; ours has fewer words.
}
