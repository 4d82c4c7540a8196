/**
 * An inference request of the Open Inference Protocol as questions to the data plane, and the tensors of its answer. Its
 * images are asked for one by one, as a door would, and all are answered by one release: that of the answer.
 */
import type { AskOptions, Client, EmbedReply, IdentifyReply, VerifyReply } from '../../../client/client.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import type { InferVerb } from '../../../contracts/subjects.ts';
import type { RequestTrace } from '../request-traces.ts';
import { itemsOf, type Output, type Parsed } from './tensors.ts';

export const IMAGES_MAX = 16;
/** A release may be replaced between two images; a night later it is again. */
const ROUNDS_MAX = 3;
const MICROSECONDS_PER_MS = 1_000;
const DEADLINE_MS_MAX = 10_000;

type Reply = IdentifyReply | VerifyReply | EmbedReply;

interface PlainOutput {
  readonly verbs: readonly InferVerb[];
  readonly datatype: Output['datatype'];
  of(reply: Reply): string | number | boolean;
}

/** The outputs, each as a part of a reply. */
const OUTPUTS: Readonly<Record<'person' | 'known' | 'match' | 'score' | 'threshold', PlainOutput>> = {
  person: { verbs: ['identify'], datatype: 'BYTES', of: (it) => ('known' in it ? (it.person ?? '') : '') },
  known: { verbs: ['identify'], datatype: 'BOOL', of: (it) => 'known' in it && it.known },
  match: { verbs: ['verify'], datatype: 'BOOL', of: (it) => 'match' in it && it.match },
  score: { verbs: ['identify', 'verify'], datatype: 'FP32', of: (it) => ('score' in it ? it.score : 0) },
  threshold: { verbs: ['identify', 'verify'], datatype: 'FP32', of: (it) => ('score' in it ? it.threshold : 0) },
};
export type OutputName = keyof typeof OUTPUTS | 'embedding';
export const OUTPUT_NAMES = [...(Object.keys(OUTPUTS) as (keyof typeof OUTPUTS)[]), 'embedding'] as const;

export interface Wanted {
  readonly verb: InferVerb;
  readonly person: string | null;
  readonly input: 'file' | 'pixels';
  readonly images: readonly Uint8Array[];
  readonly outputs: readonly OutputName[];
  readonly deadlineMs: number | null;
}

/** Throws REQUEST_INVALID. */
export function wantedOf({ request, binary }: Parsed): Wanted {
  const [input] = request.inputs;
  const kind = input!.name === 'image' ? 'file' : input!.name === 'pixels' ? 'pixels' : null; // The schema has one.
  if (kind === null) throw invalid(`there is no input "${input!.name}": send "image" (BYTES) or "pixels" (UINT8)`);
  if ((kind === 'file') !== (input!.datatype === 'BYTES')) throw invalid(`"${input!.name}" is not ${input!.datatype}`);
  const { person, timeout } = request.parameters;
  const named = request.outputs?.map(({ name }) => outputOf(name));
  const verb = verbOf(named ?? [], person);
  const outputs = named && named.length > 0 ? named : DEFAULT_OUTPUTS[verb];
  return {
    ...{ verb, outputs, input: kind },
    person: person === undefined ? null : String(person),
    images: itemsOf(input!, binary, IMAGES_MAX),
    deadlineMs:
      typeof timeout === 'number' && timeout > 0
        ? Math.min(DEADLINE_MS_MAX, Math.ceil(timeout / MICROSECONDS_PER_MS))
        : null,
  };
}

const DEFAULT_OUTPUTS: Readonly<Record<InferVerb, readonly OutputName[]>> = {
  identify: ['person', 'known', 'score', 'threshold'],
  verify: ['match', 'score', 'threshold'],
  embed: ['embedding'],
};

function outputOf(name: string): OutputName {
  const found = OUTPUT_NAMES.find((it) => it === name);
  if (found) return found;
  throw invalid(`there is no output "${name}"; there are ${OUTPUT_NAMES.join(', ')}`);
}

/** By the outputs: an embedding is another question than who it is. */
function verbOf(outputs: readonly OutputName[], person: unknown): InferVerb {
  const verb = outputs.includes('embedding') ? 'embed' : person === undefined ? 'identify' : 'verify';
  const fits = (it: OutputName) =>
    it === 'embedding' ? verb === 'embed' : OUTPUTS[it].verbs.some((one) => one === verb);
  const odd = outputs.find((it) => !fits(it));
  if (odd === undefined) return verb;
  const rule = '"embedding" stands alone, "match" needs the parameter "person", "person" and "known" go without it';
  throw invalid(`the output "${odd}" does not go with the others: ${rule}`);
}

/** Where the images are asked for. */
export interface Asking {
  readonly client: Client;
  readonly trace: RequestTrace;
  readonly options: AskOptions;
}

export interface Inferred {
  readonly release: number;
  readonly outputs: readonly Output[];
}

/** `version`: the release that must answer; null: the one in service. Throws RELEASE_NOT_REACHED and what the client does. */
export async function infer(asking: Asking, wanted: Wanted, version: number | null): Promise<Inferred> {
  const { client, trace, options } = asking;
  const one = (image: Uint8Array, minRelease: number | undefined) =>
    trace.around(wanted.verb, (traceparent) => askOne(client, wanted, image, { ...options, minRelease, traceparent }));
  let replies = await Promise.all(wanted.images.map((image) => one(image, version ?? options.minRelease)));
  for (let round = 1; !isOfOne(replies) && round < ROUNDS_MAX; round++) {
    const newest = newestOf(replies);
    const again = replies.map((reply, i) =>
      reply.release === newest ? Promise.resolve(reply) : one(wanted.images[i]!, newest),
    );
    replies = await Promise.all(again);
  }
  const release = newestOf(replies);
  if (!isOfOne(replies)) throw notReached(`releases change too fast: ${release} and older ones answered`);
  if (version !== null && release !== version) throw notReached(`release ${version} is not in service; ${release} is`);
  return { release, outputs: wanted.outputs.map((name) => tensorOf(name, replies)) };
}

const newestOf = (replies: readonly Reply[]) => Math.max(...replies.map(({ release }) => release));
const isOfOne = (replies: readonly Reply[]) => replies.every(({ release }) => release === replies[0]!.release);

function askOne(
  client: Client,
  { verb, person, input, deadlineMs }: Wanted,
  image: Uint8Array,
  options: AskOptions,
): Promise<Reply> {
  const all = { ...options, input, ...(deadlineMs === null ? {} : { deadlineMs }) };
  if (verb === 'embed') return client.embed(image, all);
  return verb === 'verify' ? client.verify(person ?? '', image, all) : client.identify(image, all);
}

function tensorOf(name: OutputName, replies: readonly Reply[]): Output {
  if (name !== 'embedding') {
    const { datatype, of } = OUTPUTS[name];
    return { name, datatype, shape: [replies.length], data: replies.map((reply) => of(reply)) };
  }
  const rows = replies.map((reply) => ('embedding' in reply ? reply.embedding : []));
  return { name, datatype: 'FP32', shape: [rows.length, rows[0]!.length], data: rows.flat() };
}

const invalid = (why: string) => new PipelineError('REQUEST_INVALID', `infer: ${why}`);
const notReached = (why: string) => new PipelineError('RELEASE_NOT_REACHED', `infer: ${why}`, { retryable: true });
