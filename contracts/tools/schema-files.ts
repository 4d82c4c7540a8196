/**
 * The JSON Schemas of docs/schemas/, each of which stands alone: one for each kind of message, with the whole message at its
 * root and every part of it by name under `$defs`. Pure. Written by document.ts.
 */
import { EnvelopeSchema, typeOfSubject } from '../envelope.ts';
import { InferErrorSchema } from '../inference.ts';
import * as catalogue from './catalogue.ts';
import { ANSWERS } from './inference-channels.ts';
import { jsonSchemaOf, partOf, type JsonObject, type Parts } from './json-schema.ts';

/** The addresses name the schemas and nothing else; they stay as long as a message of the kind can be read. */
export const SCHEMAS_AT = 'https://nightshift.dev/schemas/';
const AT = '#/$defs/';

export const ErrorAnswerSchema = InferErrorSchema.describe('The body of an answer that is an error.');

const noParts = (): Parts => ({ draft: 'draft-2020-12', at: AT, named: new Map() });

/** By the name of the file. */
export function schemaFiles(): ReadonlyMap<string, JsonObject> {
  return new Map([
    file('cloudevent', 'The envelope of every event and command: CloudEvents 1.0 as JSON.', (parts) =>
      jsonSchemaOf(EnvelopeSchema, parts),
    ),
    file('events', 'A message of `nightshift.evt.>`. A type that is not listed is of a later version.', (parts) =>
      anyEnvelope(catalogue.EVENTS, parts),
    ),
    file(
      'commands',
      'A message of `nightshift.ctl.>` in its envelope. A bare object is taken as well; it is the part of the same name.',
      (parts) => anyEnvelope(catalogue.OPERATOR_COMMANDS, parts),
    ),
    file('work', 'A message of `nightshift.cmd.>`, from the orchestrator to the workers and the janitor.', (parts) =>
      anyEnvelope(catalogue.WORK_COMMANDS, parts),
    ),
    file('api', 'Questions and answers of `nightshift.api.>`, each by its name.', (parts) => {
      for (const { name, schema, answer } of [...catalogue.QUESTIONS_ASKED, ...catalogue.COMMANDS_ASKED]) {
        partOf(name, schema, parts);
        partOf(answer.name, answer.schema, parts);
      }
      partOf('ErrorAnswer', ErrorAnswerSchema, parts);
      return { type: 'object' };
    }),
    file('inference', 'An answer on `nightshift.infer.>`, or its error.', (parts) => ({
      anyOf: [
        ...Object.entries(ANSWERS).map(([name, schema]) => partOf(name, schema, parts)),
        partOf('ErrorAnswer', ErrorAnswerSchema, parts),
      ],
    })),
    file('records', 'A value of the buckets REPLICAS and DEPLOYMENTS.', (parts) => ({
      anyOf: catalogue.RECORDS.map(({ name, schema }) => partOf(name, schema, parts)),
    })),
  ]);
}

function file(name: string, description: string, root: (parts: Parts) => JsonObject): [string, JsonObject] {
  const parts = noParts();
  const own = root(parts);
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `${SCHEMAS_AT}${name}.schema.json`,
    title: `Nightshift: ${name}`,
    description,
    ...own,
    ...(parts.named.size > 0 ? { $defs: sorted(parts.named) } : {}),
  };
  return [`${name}.schema.json`, schema];
}

/** An envelope whose data is looked at by its type. */
function anyEnvelope(channels: readonly catalogue.Channel[], parts: Parts): JsonObject {
  const byType = channels.map(({ address, name, schema }) => ({
    if: { properties: { type: { const: typeOfSubject(address) } }, required: ['type'] },
    // oxlint-disable-next-line unicorn/no-thenable -- a word of JSON Schema
    then: { properties: { data: partOf(name, schema, parts) } },
  }));
  return { allOf: [partOf('CloudEvent', EnvelopeSchema, parts), ...byType] };
}

export const sorted = (named: ReadonlyMap<string, JsonObject>): JsonObject =>
  Object.fromEntries([...named].sort(([a], [b]) => (a < b ? -1 : 1)));
