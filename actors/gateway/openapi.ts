/**
 * The OpenAPI document of the gateway, made of the same tables and schemas by which it answers. Pure. Served at
 * `/openapi.json`; `npm run docs:openapi` writes it to docs/openapi.json, which is drift-checked.
 */
import { z } from 'zod';
import { RunSummarySchema } from '../../contracts/api.ts';
import { OutcomeSchema } from '../../contracts/commands.ts';
import { CarriedPipelineSchema } from '../../contracts/configuration/carried-schemas.ts';
import { EmbedReplySchema, IdentifyReplySchema, INFER_HEADERS, VerifyReplySchema } from '../../contracts/inference.ts';
import { DeploymentSchema } from '../../contracts/release.ts';
import { ReleaseFiguresSchema, ReplicaStatusSchema } from '../../contracts/replica.ts';
import { programVersion } from '../../runtime/program.ts';
import { COMMAND_ROUTES, EVIDENCE, HELD, ME, READS, REPLICAS, RUNS } from './api-table.ts';
import { PEOPLE_ROUTES } from './people-table.ts';

const PROBLEM = {
  type: 'object',
  properties: {
    type: { type: 'string' },
    title: { type: 'string', description: 'code of docs/errors.md' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    retryable: { type: 'boolean' },
  },
};
const FAILED = {
  default: {
    description: 'Problem',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  },
};
const LOGGED_IN = { security: [{ token: [] }] };

export function openApi(): object {
  const paths = { ...HEALTH, ...reads(), ...commands(), ...recognition(), ...people(), ...PROTOCOL };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Nightshift gateway',
      version: programVersion(),
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      schemas: { Problem: PROBLEM, ...Object.fromEntries(parts) },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}

const text = (summary: string, type = 'application/json') => ({
  get: { summary, responses: { 200: { description: 'OK', content: { [type]: { schema: {} } } }, ...FAILED } },
});

const HEALTH = {
  '/healthz': text('The process lives.'),
  '/readyz': text('The whole can serve: 200, else 503.'),
  '/readyz/parts': text('The same of each part, with what it lacks.'),
  '/metrics': text('Metrics for Prometheus.', 'text/plain'),
  '/openapi.json': text('This document.'),
  '/api/v1/events': text('Events of the system; resumes after Last-Event-ID.', 'text/event-stream'),
  '/api/v1/runs/{runId}/report': {
    parameters: [inPath('runId')],
    ...text('For operators: the report of the verification as a page.', 'text/html'),
  },
  '/api/v1/statechart': text('The machine of a run as data.'),
};

const reads = () =>
  Object.fromEntries(
    [...READS, RUNS, REPLICAS, HELD, ME, EVIDENCE].map(({ path, summary, input, answer }) => [
      `/api/v1${path.replaceAll(/:(\w+)/g, '{$1}')}`,
      { get: { summary, parameters: parametersOf(path, input), responses: answered(answer) } },
    ]),
  );

const commands = () =>
  Object.fromEntries(
    COMMAND_ROUTES.map(({ path, summary, input, answer }) => [
      `/api/v1${path}`,
      { post: { summary, ...LOGGED_IN, requestBody: json(schemaOf(input, 'input')), responses: answered(answer) } },
    ]),
  );

const REPLIES = { identify: IdentifyReplySchema, verify: VerifyReplySchema, embed: EmbedReplySchema };
const DEMANDS = [INFER_HEADERS.deadlineMs, INFER_HEADERS.minRelease, INFER_HEADERS.minEnrolment, INFER_HEADERS.input];

const recognition = () =>
  Object.fromEntries(
    Object.entries(REPLIES).map(([verb, reply]) => [
      `/v1/{model}/${verb}`,
      {
        post: {
          summary: `An image, raw or as a form: ${verb}.`,
          ...LOGGED_IN,
          parameters: [
            inPath('model'),
            ...DEMANDS.map((name) => ({ name, in: 'header', required: false, schema: { type: 'string' } })),
          ],
          requestBody: { content: { 'application/octet-stream': {}, 'multipart/form-data': {} } },
          responses: answered(reply),
        },
      },
    ]),
  );

const IMAGE = { 'application/octet-stream': {}, 'multipart/form-data': {} };

const people = () =>
  Object.fromEntries(
    Object.values(PEOPLE_ROUTES).map((route) => {
      const { method, path, summary, answer } = route;
      const [query, body] = ['query' in route ? route.query : z.object({}), 'body' in route ? route.body : null];
      const names = [...path.matchAll(/:(\w+)/g)].map(([, name]) => inPath(name!)); // The pattern has one group.
      const requestBody = body === 'image' ? { content: IMAGE } : body && json(schemaOf(body, 'input'));
      const operation = {
        ...{ summary, ...LOGGED_IN, parameters: [...names, ...parametersOf(path, query)] },
        ...(requestBody ? { requestBody } : {}),
        responses: answer === 'image' ? PICTURE : answered(answer),
      };
      return [path.replaceAll(/:(\w+)/g, '{$1}'), { [method]: operation }];
    }),
  );

const PICTURE = { 200: { description: 'OK', content: { 'image/*': {} } }, ...FAILED };

const PROTOCOL = {
  '/v2': text('Open Inference Protocol v2: the server.'),
  '/v2/health/live': text('It lives.'),
  '/v2/health/ready': text('It can serve.'),
  '/v2/models/{model}': { ...text('A model.'), parameters: [inPath('model')] },
  '/v2/models/{model}/ready': { ...text('A model serves.'), parameters: [inPath('model')] },
  '/v2/models/{model}/infer': {
    parameters: [inPath('model')],
    post: {
      summary: 'Inference, as JSON or with binary tensors.',
      ...LOGGED_IN,
      responses: { 200: { description: 'OK' } },
    },
  },
  '/v2/models/{model}/versions/{version}/infer': {
    parameters: [inPath('model'), inPath('version')],
    post: { summary: 'The same by this release.', ...LOGGED_IN, responses: { 200: { description: 'OK' } } },
  },
};

function parametersOf(path: string, input: z.ZodObject): object[] {
  const { properties = {}, required = [] } = schemaOf(input, 'input') as {
    properties?: Record<string, object>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, schema]) =>
    path.includes(`:${name}`)
      ? { ...inPath(name), schema }
      : { name, in: 'query', required: required.includes(name), schema },
  );
}

function inPath(name: string) {
  return { name, in: 'path', required: true, schema: { type: 'string' } };
}

const answered = (schema: z.ZodType) => ({
  200: { description: 'OK', ...json(schemaOf(schema, 'output')) },
  ...FAILED,
});
const json = (schema: object) => ({ content: { 'application/json': { schema } } });

/** Parts that several answers have: written once, under these names. */
const SHARED = z.registry<{ id: string }>();
for (const [id, schema] of Object.entries({
  Deployment: DeploymentSchema,
  Figures: ReleaseFiguresSchema,
  Outcome: OutcomeSchema,
  Pipeline: CarriedPipelineSchema,
  Replica: ReplicaStatusSchema,
  Run: RunSummarySchema,
}))
  SHARED.add(schema, { id });

/** Named by what is read and what is written: a default may be left out of one alone. */
const NAMES = { input: (id: string) => `${id}Input`, output: (id: string) => id } as const;
const parts = new Map<string, object>();

/** A value that only code can check is anything here. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output'): object {
  const text = JSON.stringify(z.toJSONSchema(schema, { io, unrepresentable: 'any', metadata: SHARED }));
  const hoisted = text.replaceAll(/"#\/\$defs\/(\w+)"/g, (_, id: string) => `"#/components/schemas/${NAMES[io](id)}"`);
  const {
    $schema: _,
    $defs = {},
    ...rest
  } = JSON.parse(hoisted) as { $schema?: string; $defs?: Record<string, object> };
  for (const [id, part] of Object.entries($defs)) parts.set(NAMES[io](id), part);
  return rest;
}
