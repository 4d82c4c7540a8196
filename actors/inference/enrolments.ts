/**
 * Keeps a resident's people up to date with the stream ENROLMENTS: reads it from the first change, embeds each image
 * with the resident's own model, and goes on as long as the resident lives. Every resident has its own reader, so that
 * whoever is enrolled during a deployment is in the candidate as well as in what it may be rolled back to.
 */
import { createHash } from 'node:crypto';
import { toFailure } from '../../contracts/errors.ts';
import type { Enrolment, EnrolmentLog } from '../../infra/stores/enrolment-log.ts';
import type { Logger } from '../../runtime/logger.ts';
import { FOREVER, retry, type RetryPolicy } from '../../runtime/retry.ts';
import { decodeImage } from '../../services/data/images.ts';
import type { ResidentModel } from '../../services/serving/replica/resident-model.ts';

export interface FollowEnrolmentsOptions {
  readonly resident: ResidentModel;
  readonly enrolments: EnrolmentLog;
  /** A change is in force. */
  readonly onApplied: () => void;
  readonly log: Logger;
}

/** Images that are decoded and embedded at once: the host makes batches of them, and requests have room beside. */
const UNDER_WAY_MAX = 16;
/** A queue that is full or a process that is replaced has room again after this, or after this again. */
const EMBED_AGAIN: RetryPolicy = {
  attemptsMax: FOREVER,
  pauseMs: 100,
  isWorthIt: (error) => toFailure(error).retryable,
};

/**
 * Resolves with the resident, every change known at the call being in force. Closing it ends the reader. Throws
 * NATS_UNAVAILABLE, or the failure of the host; the resident is closed then.
 */
export async function followEnrolments(options: FollowEnrolmentsOptions): Promise<ResidentModel> {
  const { resident, enrolments, onApplied, log } = options;
  const state = { applied: 0, isOver: false, isCaughtUp: false };
  let wake = () => {};
  let tail = Promise.resolve();
  let underWay = 0;
  const take = async (enrolment: Enrolment) => {
    underWay += 1;
    const embedding = enrolment.image && embedPersistently(options, enrolment, state);
    const applied = tail.then(async () => {
      if (enrolment.image === null && !state.isCaughtUp) await cleanUp(options, enrolment);
      apply(resident, enrolment, embedding && (await embedding));
      if (state.isOver) return;
      state.applied = enrolment.sequence;
      underWay -= 1;
      wake();
      onApplied();
    });
    tail = applied.catch((err) => log.error({ err, sequence: enrolment.sequence }, 'replica: an enrolment is lost'));
    if (enrolment.image === null || underWay >= UNDER_WAY_MAX) await tail;
  };
  const stop = () => {
    state.isOver = true;
    reader.stop();
    wake();
  };
  const reader = enrolments.follow(take);
  // `failed` tells an error as its value and never rejects.
  void resident.host.failed.then(stop);
  const close = () => {
    stop();
    return resident.close();
  };
  try {
    const wanted = await enrolments.last();
    while (state.applied < wanted && !state.isOver) await new Promise<void>((resolve) => (wake = resolve));
  } catch (error) {
    await close();
    throw error;
  }
  state.isCaughtUp = true;
  if (state.isOver) throw await resident.host.failed;
  if (state.applied > 0) log.info({ ...state, people: resident.people.count }, 'replica: enrolments are in force');
  return { ...resident, enrolments: state, close };
}

/** Images of a removed person that are still stored: the replica that removed them came to its end first. */
async function cleanUp({ resident, enrolments, log }: FollowEnrolmentsOptions, { person, sequence }: Enrolment) {
  if (resident.people.imagesOf(person).size === 0) return;
  await enrolments.forget(person, sequence).catch((err) => {
    log.warn({ err, person, sequence }, 'replica: images of a removed person could not be deleted now');
  });
}

function apply({ people }: ResidentModel, { person, image }: Enrolment, embedding: Float32Array | null): void {
  if (image === null) people.remove(person);
  else if (embedding) people.add(person, digestOf(image), embedding);
}

export const digestOf = (image: Uint8Array) => createHash('sha256').update(image).digest('hex');

/** Null where the resident's end came first, or where the image cannot be decoded: then it counts for nothing. */
async function embedPersistently(
  { resident, log }: FollowEnrolmentsOptions,
  { image, person, sequence }: Enrolment,
  state: { readonly isOver: boolean },
): Promise<Float32Array | null> {
  const embed = async () => {
    if (state.isOver) return null;
    const pixels = await decodeImage(image ?? new Uint8Array(0), resident.image, `enrolment ${sequence}`);
    return resident.host.embed({ pixels, count: 1 });
  };
  try {
    return await retry(EMBED_AGAIN, embed);
  } catch (err) {
    log.error({ err, person, sequence }, 'replica: an enrolled image cannot be used; it is left out');
    return null;
  }
}
