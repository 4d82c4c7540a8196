/**
 * Answers one request from one release: image in, reply out. Knows no NATS. The lease that the caller holds keeps
 * model and gallery together from the first byte to the last.
 */
import { assertNever, PipelineError } from '../../../contracts/errors.ts';
import type { EmbedReply, IdentifyReply, VerifyReply } from '../../../contracts/inference.ts';
import { checkPixels, decodeImage } from '../../data/images.ts';
import type { Served } from './replica.ts';
import type { RecogniseRequest } from './request.ts';

export type InferReply = EmbedReply | VerifyReply | IdentifyReply;

/** Matches in a reply of `identify`. */
const TOP_K = 5;
/** The score of an empty gallery: that of opposite directions, below any threshold. */
const SCORE_MIN = -1;

/** Throws IMAGE_UNREADABLE, IMAGE_TOO_LARGE, REQUEST_INVALID, PERSON_UNKNOWN, and what the model host throws. */
export async function recognise(served: Served, request: RecogniseRequest): Promise<InferReply> {
  checkClaim(served, request);
  const { resident } = served;
  const what = `${request.verb} request`;
  const pixels =
    request.input === 'pixels'
      ? checkPixels(request.image, resident.image, what)
      : await decodeImage(request.image, resident.image, what);
  const embedding = await resident.host.embed({ pixels, count: 1, deadlineMs: request.deadlineMs });
  switch (request.verb) {
    case 'embed':
      return { ...answerOf(served), embedding: Array.from(embedding) };
    case 'verify':
      return compare(served, request.person ?? '', embedding);
    case 'identify':
      return search(served, embedding);
    default:
      return assertNever(request.verb);
  }
}

/** Before the image is decoded: a request that cannot be answered costs nothing. */
function checkClaim({ resident }: Served, { verb, person }: RecogniseRequest): void {
  if (verb !== 'verify') return;
  if (!person) {
    throw new PipelineError(
      'REQUEST_INVALID',
      'verify request: name the claimed person in the header Nightshift-Person',
    );
  }
  if (!resident.people.has(person)) {
    throw new PipelineError('PERSON_UNKNOWN', `verify request: "${person}" is not enrolled`);
  }
}

function compare(served: Served, person: string, embedding: Float32Array): VerifyReply {
  const { people } = served.resident;
  // Throws PERSON_UNKNOWN if the person was removed while the model ran.
  const score = people.score(person, embedding);
  const { threshold } = people;
  return { ...answerOf(served), person, match: score >= threshold, score, threshold };
}

async function search(served: Served, embedding: Float32Array): Promise<IdentifyReply> {
  const { people } = served.resident;
  const { threshold } = people;
  const matches = [...(await people.search(embedding, TOP_K))];
  const best = matches[0] ?? { person: null, score: SCORE_MIN };
  const known = best.score >= threshold;
  return { ...answerOf(served), person: known ? best.person : null, known, score: best.score, threshold, matches };
}

const answerOf = ({ release, resident, canary }: Served) => ({
  release,
  modelDigest: resident.modelDigest,
  ...(canary ? { canary } : {}),
});
