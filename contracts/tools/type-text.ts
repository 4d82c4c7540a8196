/**
 * Writes a schema as people read one: in the notation of TypeScript, with each field's description beside it. Schemas
 * that have a name stand as that name. Used by api-page.ts.
 */
import { z } from 'zod';

/** The parts of JSON Schema that zod writes for our schemas. */
interface JsonSchema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly description?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

export type Names = ReadonlyMap<string, z.ZodType>;

/** `input`: as it is sent, with defaults left out. `output`: as it comes back from parsing. */
export type Side = 'input' | 'output';

const LINE_MAX = 110;

/** Gives the schemas their names. They stay named in this process, which is why only tools do so. */
export function nameSchemas(names: Names): void {
  for (const [id, schema] of names) z.globalRegistry.add(schema, { ...z.globalRegistry.get(schema), id });
}

/** The schema as the text of a type; if it has a name, what that name stands for. */
export function typeText(schema: z.ZodType, side: Side): string {
  const json = toJson(schema, side);
  const own = json.$ref && json.$defs?.[json.$ref.split('/').at(-1)!];
  return textOf(own || json, '');
}

function toJson(schema: z.ZodType, side: Side): JsonSchema {
  const json = z.toJSONSchema(schema, {
    io: side,
    override: ({ jsonSchema }) => {
      // A field of an answer is never left out.
      if (side === 'output') delete jsonSchema.default;
    },
  });
  return json as JsonSchema; // A subset of what zod declares.
}

function textOf(schema: JsonSchema, indent: string): string {
  const { $ref, type, properties, items, additionalProperties } = schema;
  if ($ref) return $ref.split('/').at(-1)!; // `#/$defs/<name>`
  const members = schema.anyOf ?? schema.oneOf;
  if (members) return members.map((member) => textOf(member, indent)).join(' | ');
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (typeof type !== 'string') return type ? type.join(' | ') : 'unknown';
  if (type === 'integer') return 'number';
  if (type === 'array') return arrayOf(textOf(items ?? {}, indent));
  if (type !== 'object') return type;
  if (properties && Object.keys(properties).length > 0) return objectOf(schema, properties, indent);
  if (!additionalProperties) return '{}';
  return `Record<string, ${additionalProperties === true ? 'unknown' : textOf(additionalProperties, indent)}>`;
}

const arrayOf = (item: string) => (/ \| /.test(item) && !item.startsWith('{') ? `(${item})[]` : `${item}[]`);

function objectOf({ required = [] }: JsonSchema, properties: Readonly<Record<string, JsonSchema>>, indent: string) {
  const inner = `${indent}  `;
  const fields = Object.entries(properties).map(([name, field]) => {
    const line = `${inner}${name}${required.includes(name) ? '' : '?'}: ${textOf(field, inner)};`;
    return withNote(line, noteOf(field), inner);
  });
  return `{\n${fields.join('\n')}\n${indent}}`;
}

function withNote(line: string, note: string, indent: string): string {
  if (note === '') return line;
  const beside = `${line} // ${note}`;
  return line.includes('\n') || beside.length > LINE_MAX ? `${indent}// ${note}\n${line}` : beside;
}

/** More than the type says: the description, limits, and the value that counts if the field is left out. */
function noteOf({ description, minimum, maximum, exclusiveMinimum, maxLength, default: absent }: JsonSchema): string {
  const from = exclusiveMinimum === undefined ? minimum : exclusiveMinimum + 1;
  const isLimit = (limit: number | undefined) => limit !== undefined && Math.abs(limit) < Number.MAX_SAFE_INTEGER;
  const range = [isLimit(from) ? `from ${from}` : '', isLimit(maximum) ? `to ${maximum}` : '']
    .filter(Boolean)
    .join(' ');
  const length = maxLength === undefined ? '' : `at most ${maxLength} characters`;
  const fallback = absent === undefined ? '' : `${JSON.stringify(absent)} if absent`;
  return [description, range, length, fallback].filter(Boolean).join('; ');
}
