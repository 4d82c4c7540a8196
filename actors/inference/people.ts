/**
 * Answers who is in the gallery, and with which images: of the release in service, to those who change galleries and those
 * who approve it. An image is read from where it is stored; a replica keeps none. Called by data-plane.ts.
 */
import { describeIssues } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { AskedPersonSchema, INFER_HEADERS, PeopleQuestionSchema, type PeopleReply } from '../../contracts/inference.ts';
import type { EnrolmentLog } from '../../infra/stores/enrolment-log.ts';
import type { PendingStore } from '../../infra/stores/pending-store.ts';
import { listPeople } from '../../services/serving/gallery/list.ts';
import { admitted, servedOrThrow } from '../../services/serving/replica/admission.ts';
import type { Replica } from '../../services/serving/replica/replica.ts';
import type { RecogniseRequest } from '../../services/serving/replica/request.ts';

export interface PeopleOptions {
  readonly replica: Replica;
  readonly enrolments: EnrolmentLog;
  readonly pending: PendingStore;
}

/** Throws REQUEST_INVALID, NOT_READY, and as `admitted` does. */
export async function peopleOf({ replica }: PeopleOptions, request: RecogniseRequest<'people'>): Promise<PeopleReply> {
  const question = questionIn(request.image);
  await admitted(replica, request);
  const { release, resident } = servedOrThrow(replica.served);
  return { release, modelDigest: resident.modelDigest, ...(await listPeople(resident.people, question)) };
}

function questionIn(body: Uint8Array) {
  const text = Buffer.from(body).toString('utf8').trim();
  const parsed = PeopleQuestionSchema.safeParse(text === '' ? {} : jsonIn(text));
  if (parsed.success) return parsed.data;
  throw new PipelineError('REQUEST_INVALID', `people request: ${describeIssues(parsed.error)}`);
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PipelineError('REQUEST_INVALID', `people request: not JSON: ${(cause as Error).message}`);
  }
}

/** The file as it was sent. Throws APPROVAL_UNKNOWN, PERSON_UNKNOWN, REQUEST_INVALID. */
export async function pictureOf(
  { replica, enrolments, pending }: PeopleOptions,
  { header, person }: RecogniseRequest<'picture'>,
): Promise<Uint8Array> {
  const id = header(INFER_HEADERS.request);
  if (id !== null) {
    const waiting = /^[\w-]{1,64}$/.test(id) ? await pending.get(id) : null;
    if (waiting && waiting.image.length > 0) return waiting.image;
    throw new PipelineError('APPROVAL_UNKNOWN', `picture request: no change "${id}" with a picture waits for approval`);
  }
  const [name, digest] = [AskedPersonSchema.safeParse(person ?? ''), header(INFER_HEADERS.image) ?? ''];
  if (!name.success || !/^[0-9a-f]{64}$/.test(digest)) {
    const way = `name the person in ${INFER_HEADERS.person} and the image in ${INFER_HEADERS.image}, by its SHA-256`;
    throw new PipelineError('REQUEST_INVALID', `picture request: ${way}; or a change in ${INFER_HEADERS.request}`);
  }
  // Images of before 0.6.0 are stored under the spelling of then.
  const spellings = replica.served?.resident.people.spellingsOf(name.data) ?? [];
  for (const spelling of new Set([name.data, ...spellings])) {
    const image = await enrolments.image(spelling, digest);
    if (image) return image;
  }
  throw new PipelineError('PERSON_UNKNOWN', `picture request: no such image is enrolled for "${name.data}"`);
}
