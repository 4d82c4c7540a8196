/**
 * Enrols and removes people: checks the request, stores the change, and answers when it is in force in every model that
 * this replica holds. The change is stored on condition that the person is as the limits were checked, so that several
 * replicas need no lock between them.
 */
import { assertNever, PipelineError } from '../../contracts/errors.ts';
import { PersonSchema, type EnrollReply, type RemoveReply } from '../../contracts/inference.ts';
import type { GalleryVerb } from '../../contracts/subjects.ts';
import type { EnrolmentChange, EnrolmentLog } from '../../infra/stores/enrolment-log.ts';
import type { Logger } from '../../runtime/logger.ts';
import { decodeImage } from '../../services/data/images.ts';
import { IMAGES_PER_PERSON_MAX, PEOPLE_MAX, type People } from '../../services/serving/gallery/people.ts';
import { admitted } from '../../services/serving/replica/answer.ts';
import { digestOf } from './enrolments.ts';
import type { RecogniseRequest } from '../../services/serving/replica/request.ts';
import type { Replica, Served } from '../../services/serving/replica/replica.ts';

export interface ChangeGalleryOptions {
  readonly replica: Replica;
  readonly enrolments: EnrolmentLog;
  readonly log: Logger;
}
export type GalleryRequest = RecogniseRequest<GalleryVerb>;

/**
 * Throws NOT_READY, REQUEST_INVALID, IMAGE_UNREADABLE, IMAGE_TOO_LARGE, GALLERY_FULL, PERSON_UNKNOWN (remove),
 * NATS_UNAVAILABLE, and DEADLINE_EXCEEDED where the change is stored and not yet in force. Trying again is harmless.
 */
export async function changeGallery(
  options: ChangeGalleryOptions,
  request: GalleryRequest,
): Promise<EnrollReply | RemoveReply> {
  const { replica } = options;
  const person = personOf(request);
  await admitted(replica, request);
  const change = await changeOf(servedBy(replica), request, person);
  const sequence = await store(options, request, change);
  const { release, resident } = servedBy(replica);
  const answer = { release, modelDigest: resident.modelDigest, person, sequence };
  return change.image ? { ...answer, images: resident.people.imagesOf(person).size } : answer;
}

/** Once more whenever somebody else changed the same person in between. */
async function store(options: ChangeGalleryOptions, request: GalleryRequest, change: EnrolmentChange): Promise<number> {
  const { replica, enrolments, log } = options;
  for (;;) {
    const last = await enrolments.last(change.person);
    await inForce(replica, last, request.deadlineMs);
    if (isDone(servedBy(replica).resident.people, change)) return last;
    const stored = await enrolments.append(change, last);
    if (stored === null) continue;
    if (change.image === null) await forget(enrolments, change.person, stored, log);
    await inForce(replica, stored, request.deadlineMs);
    return stored;
  }
}

/** Waits for all models in memory, and for those that come into it meanwhile. */
async function inForce(replica: Replica, sequence: number, deadlineMs: number): Promise<void> {
  while (replica.residents.all.some(({ enrolments }) => enrolments.applied < sequence)) {
    if (await replica.changed(deadlineMs)) continue;
    const message = `change ${sequence} of the gallery is stored, but not in force here yet; it will be`;
    throw new PipelineError('DEADLINE_EXCEEDED', message, { retryable: true });
  }
}

/** True where the change has been made before. Throws where it must not be. */
function isDone(people: People, { person, image }: EnrolmentChange): boolean {
  if (image === null) {
    if (people.has(person)) return false;
    throw new PipelineError('PERSON_UNKNOWN', `remove request: "${person}" is not enrolled`);
  }
  const images = people.imagesOf(person);
  if (images.has(digestOf(image))) return true;
  if (images.size >= IMAGES_PER_PERSON_MAX) {
    throw full(`"${person}" has ${images.size} enrolled images, at most ${IMAGES_PER_PERSON_MAX} are kept`);
  }
  if (!people.has(person) && people.count >= PEOPLE_MAX) {
    throw full(`${people.count} people are enrolled, at most ${PEOPLE_MAX} fit`);
  }
  return false;
}

/** Decoded for a check only: each model decodes it for itself when the change comes back from the stream. */
async function changeOf({ resident }: Served, { verb, image }: GalleryRequest, person: string) {
  switch (verb) {
    case 'enroll':
      await decodeImage(image, resident.image, 'enroll request');
      return { person, image };
    case 'remove':
      return { person, image: null };
    default:
      return assertNever(verb);
  }
}

/** The person is gone already; what is left of the images takes room and serves nothing. */
async function forget(enrolments: EnrolmentLog, person: string, sequence: number, log: Logger): Promise<void> {
  await enrolments.forget(person, sequence).catch((err) => {
    log.error(
      { err, person, sequence },
      'replica: images of a removed person could not be deleted; the next load tries again',
    );
  });
}

function personOf({ verb, person }: GalleryRequest): string {
  const parsed = PersonSchema.safeParse(person ?? '');
  if (parsed.success) return parsed.data;
  const message = `${verb} request: name the person in the header Nightshift-Person: ${parsed.error.issues[0]?.message}`;
  throw new PipelineError('REQUEST_INVALID', message);
}

function servedBy({ served }: Replica): Served {
  if (served) return served;
  throw new PipelineError('NOT_READY', 'no model is in service yet; run the pipeline once', { retryable: true });
}

const full = (why: string) => new PipelineError('GALLERY_FULL', `enroll request: ${why}; remove some first`);
