/**
 * Answers one request from one release: image in, reply out. Knows no NATS. The lease that the caller holds keeps
 * model and gallery together from the first byte to the last.
 */
import { assertNever, PipelineError } from '../../../contracts/errors.ts';
import type { EmbedReply, IdentifyReply, VerifyReply } from '../../../contracts/inference.ts';
import { prepareImage } from '../../data/faces/prepare.ts';
import { checkPixels, refuseBlank } from '../../data/images.ts';
import { isKnown } from '../../decision/thresholds.ts';
import type { Served } from './replica.ts';
import type { RecogniseRequest } from './request.ts';
import type { ResidentModel } from './resident-model.ts';

export type InferReply = EmbedReply | VerifyReply | IdentifyReply;

/** Matches in a reply of `identify`. Two at least: the second best person says whether the best one stands apart. */
const TOP_K = 5;
/** The score of an empty gallery: that of opposite directions. */
const SCORE_MIN = -1;

/**
 * Throws REQUEST_INVALID, IMAGE_BLANK, PERSON_UNKNOWN, and what `prepareImage` and the model host throw. A blank picture is
 * refused for `embed` as well: kept by a client, its embedding would match any other blank picture.
 */
export async function recognise(served: Served, request: RecogniseRequest): Promise<InferReply> {
  checkClaim(served, request);
  const { resident } = served;
  const pixels = await pixelsOf(request, resident);
  const { deadlineMs, onTimes } = request;
  const embedding = await resident.host.embed({ pixels, count: 1, deadlineMs, onTimes });
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

async function pixelsOf({ verb, input, image, deadlineMs }: RecogniseRequest, resident: ResidentModel) {
  const what = `${verb} request`;
  if (input !== 'pixels') return prepareImage(image, resident.image, resident.faces, what, deadlineMs);
  const pixels = checkPixels(image, resident.image, what);
  refuseBlank(pixels, resident.image, what);
  return pixels;
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
  const { decision } = people;
  const { threshold } = decision.verify;
  return { ...answerOf(served), person, match: score >= threshold, score, threshold, decision };
}

async function search(served: Served, embedding: Float32Array): Promise<IdentifyReply> {
  const { people } = served.resident;
  const matches = [...(await people.search(embedding, TOP_K))];
  // Of now: the search looked at the people of this moment.
  const { decision } = people;
  const { person, score } = matches[0] ?? { person: null, score: SCORE_MIN };
  const scores = matches.map((match) => match.score);
  const known = isKnown(scores, decision.identify);
  const { threshold } = decision.identify;
  return { ...answerOf(served), person: known ? person : null, known, score, threshold, decision, matches };
}

const answerOf = ({ release, resident, canary }: Served) => ({
  release,
  modelDigest: resident.modelDigest,
  ...(canary ? { canary } : {}),
});
