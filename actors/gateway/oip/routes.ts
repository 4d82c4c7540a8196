/**
 * The Open Inference Protocol v2 over HTTP (https://kserve.github.io/website, "Open Inference Protocol"), in front of the
 * same data plane as everything else. A version is a release. Its errors are `{"error": "..."}`, as its clients expect.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ModelStatus } from '../../../contracts/api.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { IMAGE_BYTES_MAX } from '../../../contracts/inference.ts';
import { API } from '../../../contracts/subjects.ts';
import { programVersion } from '../../../runtime/program.ts';
import type { Answers } from '../answers.ts';
import { demand } from '../callers.ts';
import type { Connections } from '../connections.ts';
import { failureOf } from '../problems.ts';
import { ACT_OF, clientFor, demandsOf, endOf } from '../recognise.ts';
import type { RequestTraces } from '../request-traces.ts';
import { IMAGES_MAX, infer, wantedOf } from './infer.ts';
import { encodeOutputs, parseInfer } from './tensors.ts';

/** Images of full size beside JSON; more of them are small ones. */
const BODY_BYTES_MAX = 2 * IMAGE_BYTES_MAX + 256 * 1024;
const JSON_BYTES_HEADER = 'inference-header-content-length';

export interface OipOptions {
  readonly answers: Answers;
  readonly connections: Connections;
  readonly traces: RequestTraces;
  /** Whether the whole can serve. */
  readonly isReady: () => Promise<boolean>;
}

interface OfModel {
  Params: { model: string; version?: string };
}

/** In a context of its own, for the form of its errors. */
export function addInferenceProtocol(app: FastifyInstance, options: OipOptions): void {
  void app.register(async (oip) => {
    oip.setErrorHandler((error, _request, reply) => {
      const { status, headers, problem } = failureOf(error);
      return reply
        .code(status)
        .headers(headers)
        .send({ error: `${problem.title}: ${problem.detail}` });
    });
    addServer(oip, options);
    for (const path of ['/v2/models/:model', '/v2/models/:model/versions/:version']) addModel(oip, path, options);
  });
}

function addServer(app: FastifyInstance, { isReady }: OipOptions): void {
  const server = { name: 'nightshift', version: programVersion(), extensions: ['binary_tensor_data'] };
  for (const path of ['/v2', '/v2/']) app.get(path, () => server);
  app.get('/v2/health/live', { config: { open: true, vital: true } }, () => ({ live: true }));
  app.get('/v2/health/ready', { config: { open: true, vital: true } }, async (_request, reply) => {
    const ready = await isReady();
    return reply.code(ready ? 200 : 503).send({ ready });
  });
}

function addModel(app: FastifyInstance, path: string, { answers, connections, traces }: OipOptions): void {
  app.get<OfModel>(path, async ({ params }) => {
    const { model, deployment, replicas } = await modelOf(answers, params);
    const release = deployment?.current?.release;
    const dimensions = -1;
    return {
      name: model,
      versions: release === undefined ? [] : [String(release)],
      platform: 'onnx_onnxv1',
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [-1] }],
      outputs: [
        { name: 'person', datatype: 'BYTES', shape: [-1] },
        { name: 'known', datatype: 'BOOL', shape: [-1] },
        { name: 'match', datatype: 'BOOL', shape: [-1] },
        { name: 'score', datatype: 'FP32', shape: [-1] },
        { name: 'threshold', datatype: 'FP32', shape: [-1] },
        { name: 'embedding', datatype: 'FP32', shape: [-1, dimensions] },
      ],
      parameters: { images_max: IMAGES_MAX, replicas: replicas.length },
    };
  });
  app.get<OfModel>(`${path}/ready`, async ({ params }, reply) => {
    const { model, replicas } = await modelOf(answers, params);
    const ready = replicas.some(({ outOfService, release }) => outOfService === null && release !== null);
    return reply.code(ready ? 200 : 503).send({ name: model, ready });
  });
  app.post<OfModel>(`${path}/infer`, { bodyLimit: BODY_BYTES_MAX }, async (request, reply) => {
    const trace = traces.begin(request, reply);
    const version = versionOf(request.params);
    const { body } = request;
    if (!Buffer.isBuffer(body)) throw new PipelineError('REQUEST_INVALID', 'infer: the body is empty');
    const parsed = parseInfer(body, headerOf(request, JSON_BYTES_HEADER));
    const wanted = wantedOf(parsed);
    demand(request.caller, ACT_OF[wanted.verb]);
    const client = await clientFor(connections, request.caller, request.params.model);
    const options = { ...demandsOf(request), signal: endOf(reply) };
    const { release, outputs } = await infer({ client, trace, options }, wanted, version);
    const { id, parameters, outputs: asked = [] } = parsed.request;
    const all = parameters['binary_data_output'] === true;
    const isBinary = (name: string) => asked.find((it) => it.name === name)?.parameters['binary_data'] ?? all;
    const head = {
      model_name: request.params.model,
      model_version: String(release),
      ...(id === undefined ? {} : { id }),
    };
    return send(
      reply,
      encodeOutputs(head, outputs, (name) => isBinary(name) === true),
    );
  });
}

function send(reply: FastifyReply, { body, jsonBytes }: ReturnType<typeof encodeOutputs>): FastifyReply {
  if (jsonBytes === null) return reply.type('application/json').send(body);
  return reply.type('application/octet-stream').header(JSON_BYTES_HEADER, String(jsonBytes)).send(body);
}

async function modelOf(answers: Answers, params: OfModel['Params']): Promise<ModelStatus> {
  const version = versionOf(params);
  const { models } = await answers.of(API.status, {});
  const found = models.find(({ model }) => model === params.model);
  if (!found) throw new PipelineError('MODEL_UNKNOWN', `there is no model ${params.model}`);
  const release = found.deployment?.current?.release ?? null;
  if (version === null || version === release) return found;
  throw new PipelineError(
    'RELEASE_NOT_REACHED',
    `${params.model}: release ${version} is not in service; ${release ?? 'none'} is`,
  );
}

/** Null: whichever is in service. */
function versionOf({ version }: OfModel['Params']): number | null {
  if (version === undefined) return null;
  const release = Number(version);
  if (Number.isSafeInteger(release) && release > 0) return release;
  throw new PipelineError('REQUEST_INVALID', `"${version}" is no version: it is the number of a release`);
}

function headerOf({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}
