/**
 * `POST /v1/<model>/identify`, `verify` and `embed`: an image as the body, raw or as the first file of a form, and the reply
 * of a replica as JSON. The demands of a request stand in the headers that the data plane knows (contracts/inference.ts).
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AskOptions, Client, EmbedReply, IdentifyReply, VerifyReply } from '../../client/client.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { IMAGE_BYTES_MAX, INFER_HEADERS } from '../../contracts/inference.ts';
import { personName } from '../../contracts/person-name.ts';
import { TokenSchema } from '../../contracts/references.ts';
import { INFER_VERBS, type InferVerb } from '../../contracts/subjects.ts';
import { demand, type Act, type Caller } from './callers.ts';
import type { Connections } from './connections.ts';
import type { RequestTraces } from './request-traces.ts';

/** A form has a few lines around the image. */
export const FORM_BYTES = 64 * 1024;
export const ACT_OF: Readonly<Record<InferVerb, Act>> = { identify: 'recognise', verify: 'recognise', embed: 'embed' };
/** As the client allows it, and the data plane. */
const DEADLINE_MS_MAX = 10_000;

export interface RecognitionOptions {
  readonly connections: Connections;
  readonly traces: RequestTraces;
}

export function addRecognition(app: FastifyInstance, { connections, traces }: RecognitionOptions): void {
  for (const verb of INFER_VERBS) {
    app.post<{ Params: { model: string } }>(
      `/v1/:model/${verb}`,
      { bodyLimit: IMAGE_BYTES_MAX + FORM_BYTES },
      async (request, reply) => {
        const trace = traces.begin(request, reply);
        demand(request.caller, ACT_OF[verb]);
        const client = await clientFor(connections, request.caller, request.params.model);
        const form = await imageIn(request);
        const person = personIn(request, form.person);
        const options = { ...demandsOf(request), signal: endOf(reply) };
        return trace.around(verb, (traceparent) => ask(client, verb, form.image, person, { ...options, traceparent }));
      },
    );
  }
}

export async function clientFor(connections: Connections, caller: Caller, model: string): Promise<Client> {
  const parsed = TokenSchema.safeParse(model);
  if (!parsed.success) throw new PipelineError('REQUEST_INVALID', `"${model}" cannot be the name of a model`);
  return connections.clientOf(caller, parsed.data);
}

function ask(
  client: Client,
  verb: InferVerb,
  image: Uint8Array,
  person: string | undefined,
  options: AskOptions,
): Promise<IdentifyReply | VerifyReply | EmbedReply> {
  switch (verb) {
    case 'identify':
      return client.identify(image, options);
    case 'embed':
      return client.embed(image, options);
    case 'verify':
      if (person !== undefined) return client.verify(person, image, options);
      throw nameless('verify', 'the claimed person');
  }
}

export const nameless = (verb: string, whom: string) =>
  new PipelineError(
    'REQUEST_INVALID',
    `${verb}: name ${whom} by ?person=, in the form, or in the header ${INFER_HEADERS.person}`,
  );

export interface Form {
  readonly image: Uint8Array;
  readonly person?: string | undefined;
  /** Those behind the image, of which no use is made. */
  readonly filesLeft: number;
}

/** Throws REQUEST_INVALID. */
export async function imageIn({ body, headers }: FastifyRequest): Promise<Form> {
  if (!Buffer.isBuffer(body) || body.length === 0) {
    throw new PipelineError('REQUEST_INVALID', 'the body is empty; send the image: curl --data-binary @face.png');
  }
  const type = headers['content-type'] ?? '';
  if (!type.startsWith('multipart/')) return { image: body, filesLeft: 0 };
  const form = await new Response(body, { headers: { 'content-type': type } }).formData().catch((cause: unknown) => {
    throw new PipelineError('REQUEST_INVALID', 'the form cannot be read; send one as `curl -F image=@face.png` does', {
      cause,
    });
  });
  const [file, ...files] = [...form.values()].filter((value) => typeof value !== 'string');
  if (!file)
    throw new PipelineError('REQUEST_INVALID', 'the form has no file; send the image: curl -F image=@face.png');
  const person = onlyOne(form.getAll('person'));
  const named = typeof person === 'string' ? { person } : {};
  return { image: new Uint8Array(await file.arrayBuffer()), filesLeft: files.length, ...named };
}

/** Two names would leave one of them out, and an image enrolled for somebody else. */
function onlyOne<T>(named: readonly T[]): T | undefined {
  if (named.length <= 1) return named[0];
  throw new PipelineError('REQUEST_INVALID', `the request names ${named.length} people; name one`);
}

/** The person of a request: named in the query, in the form, or in a header. Throws REQUEST_INVALID if those are two. */
export function personIn(request: FastifyRequest, inForm: string | undefined): string | undefined {
  const { person = [] } = request.query as { person?: string | string[] }; // A query is texts, or lists of them.
  const named: readonly (readonly [place: string, name: string | undefined])[] = [
    ['?person=', onlyOne([person].flat())],
    ['the form', inForm],
    [INFER_HEADERS.person, inHeader(request)],
  ];
  const said = named.flatMap(([place, name]) => (name === undefined ? [] : [{ place, name }]));
  const [first, ...others] = said;
  if (others.every(({ name }) => personName(name) === personName(first!.name))) return first?.name;
  const both = said.map(({ place, name }) => `${JSON.stringify(name)} by ${place}`).join(', ');
  throw new PipelineError('REQUEST_INVALID', `the request names different people: ${both}; name one`);
}

function inHeader(request: FastifyRequest): string | undefined {
  const header = headerOf(request, INFER_HEADERS.person);
  if (header === undefined) return undefined;
  // Node takes each byte for a character; senders of names mean UTF-8, and some the older way.
  const text = Buffer.from(header, 'latin1').toString('utf8');
  return text.includes('\ufffd') ? header : text;
}

/** Of INFER_HEADERS, what a client may want. Throws REQUEST_INVALID. */
export function demandsOf(request: FastifyRequest): AskOptions {
  const deadlineMs = numberIn(request, INFER_HEADERS.deadlineMs);
  const minRelease = numberIn(request, INFER_HEADERS.minRelease);
  const minEnrolment = numberIn(request, INFER_HEADERS.minEnrolment);
  const key = headerOf(request, INFER_HEADERS.key);
  const input = headerOf(request, INFER_HEADERS.input);
  return {
    ...(deadlineMs === undefined ? {} : { deadlineMs: Math.min(deadlineMs, DEADLINE_MS_MAX) }),
    ...(minRelease === undefined ? {} : { minRelease }),
    ...(minEnrolment === undefined ? {} : { minEnrolment }),
    ...(key === undefined ? {} : { key }),
    // The client has the word on others.
    ...(input === undefined ? {} : { input: input as 'file' | 'pixels' }),
  };
}

/** A client that hangs up wants no answer any more. */
export function endOf({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort(new PipelineError('CANCELLED', 'the client has gone'));
  });
  return gone.signal;
}

function numberIn(request: FastifyRequest, name: string): number | undefined {
  const text = headerOf(request, name);
  if (text === undefined) return undefined;
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new PipelineError('REQUEST_INVALID', `${name} is "${text}", expected a whole number from 1`);
}

function headerOf({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
