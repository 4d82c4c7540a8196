/**
 * Enrols and removes people: checks the request, stores the change, and answers when it is in force in every model that
 * this replica holds. The change is stored on condition that the person is as the limits were checked, so that several
 * replicas need no lock between them. Called by gallery-requests.ts, which knows who may.
 */
import { assertNever } from '../../contracts/errors.ts';
import type { EnrollReply, RemoveReply } from '../../contracts/inference.ts';
import type { GalleryVerb } from '../../contracts/subjects.ts';
import type { EnrolmentChange, EnrolmentLog, SentChange } from '../../infra/stores/enrolment-log.ts';
import type { Logger } from '../../runtime/logger.ts';
import { prepareImage } from '../../services/data/faces/prepare.ts';
import { isMade, personOf } from '../../services/serving/gallery/change.ts';
import { admitted, inForce, servedOrThrow } from '../../services/serving/replica/admission.ts';
import type { Replica, Served } from '../../services/serving/replica/replica.ts';
import type { RecogniseRequest } from '../../services/serving/replica/request.ts';

export interface ChangeGalleryOptions {
  readonly replica: Replica;
  readonly enrolments: EnrolmentLog;
  readonly log: Logger;
}
export type GalleryRequest = RecogniseRequest<GalleryVerb>;

/**
 * The change that a request asks for. Throws NOT_READY, REQUEST_INVALID, what `prepareImage` throws, and
 * DEADLINE_EXCEEDED.
 */
export async function checkChange(replica: Replica, request: GalleryRequest): Promise<EnrolmentChange> {
  const person = personOf(request);
  await admitted(replica, request);
  return changeOf(servedOrThrow(replica.served), request, person);
}

/**
 * Makes a change that was checked. `tell` is called before it is stored. Throws GALLERY_FULL, PERSON_UNKNOWN (remove),
 * NATS_UNAVAILABLE, and DEADLINE_EXCEEDED if the change is stored and not yet in force. Trying again is harmless.
 */
export async function makeChange(
  options: ChangeGalleryOptions,
  change: SentChange,
  deadlineMs: number,
  tell: () => Promise<void>,
): Promise<EnrollReply | RemoveReply> {
  const { replica } = options;
  const { person } = change;
  const sequence = await store(options, change, deadlineMs, tell);
  const { release, resident } = servedOrThrow(replica.served);
  const answer = { release, modelDigest: resident.modelDigest, person, sequence };
  return change.image ? { ...answer, images: resident.people.imagesOf(person).size } : answer;
}

/** Repeats its check if somebody else has changed the same person in between. */
async function store(
  { replica, enrolments, log }: ChangeGalleryOptions,
  change: SentChange,
  deadlineMs: number,
  tell: () => Promise<void>,
): Promise<number> {
  for (let isTold = false; ;) {
    const last = await enrolments.last(change.person);
    await inForce(replica, last, deadlineMs);
    if (isMade(servedOrThrow(replica.served).resident.people, change)) return last;
    if (!isTold) await tell();
    isTold = true;
    const spellings = servedOrThrow(replica.served).resident.people.spellingsOf(change.person);
    const stored = await enrolments.append(change, last);
    if (stored === null) continue;
    // One of before 0.6.0 may have been enrolled under another spelling.
    const names = new Set([change.person, ...(spellings.length === 1 ? spellings : [])]);
    if (change.image === null) for (const name of names) await forget(enrolments, name, stored, log);
    await inForce(replica, stored, deadlineMs);
    return stored;
  }
}

/** Decoded for a check only: each model decodes it for itself when the change comes back from the stream. */
async function changeOf({ resident }: Served, { verb, image, deadlineMs }: GalleryRequest, person: string) {
  switch (verb) {
    case 'enroll':
      await prepareImage(image, resident.image, resident.faces, 'enroll request', deadlineMs);
      return { person, image };
    case 'remove':
      return { person, image: null };
    default:
      return assertNever(verb);
  }
}

/** The person is gone already; the images that are left take room and serve nothing. */
async function forget(enrolments: EnrolmentLog, person: string, sequence: number, log: Logger): Promise<void> {
  await enrolments.forget(person, sequence).catch((err) => {
    log.error(
      { err, person, sequence },
      'replica: images of a removed person could not be deleted; the next load tries again',
    );
  });
}
