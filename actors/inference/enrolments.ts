/**
 * Keeps a resident's people up to date with the stream ENROLMENTS: reads it from the first change, embeds each image
 * with the resident's own model, and goes on as long as the resident lives. Every resident has its own reader, so that
 * a person who is enrolled during a deployment is in the candidate and in the release to which it may be rolled back.
 */
import { setImmediate as othersTurn } from 'node:timers/promises';
import type { Enrolment, EnrolmentLog, ForgottenMark } from '../../infra/stores/enrolment-log.ts';
import type { Logger } from '../../runtime/logger.ts';
import { personHashes } from '../../services/forgetting/name.ts';
import { make } from '../../services/serving/gallery/change.ts';
import type { People } from '../../services/serving/gallery/people.ts';
import { embedEnrolled } from '../../services/serving/replica/embed-enrolled.ts';
import type { ResidentModel } from '../../services/serving/replica/resident-model.ts';

export interface FollowEnrolmentsOptions {
  readonly resident: ResidentModel;
  readonly enrolments: EnrolmentLog;
  /** A change is in force. */
  readonly onApplied: () => void;
  /** A change that is not as it was written: it is left out. */
  readonly onDamaged: (damage: string) => void;
  readonly log: Logger;
}

/** Images that are decoded and embedded at once: the host makes batches of them, and requests have room beside. */
const UNDER_WAY_MAX = 16;
/**
 * Resolves with the resident, every change known at the call being in force. Closing it ends the reader. Throws
 * NATS_UNAVAILABLE, or the failure of the host; the resident is closed then.
 */
export async function followEnrolments(options: FollowEnrolmentsOptions): Promise<ResidentModel> {
  const { resident, enrolments, onApplied, onDamaged, log } = options;
  const state = { applied: 0, isOver: false, isCaughtUp: false };
  let wake = () => {};
  let tail = Promise.resolve();
  let underWay = 0;
  const take = async (enrolment: Enrolment) => {
    underWay += 1;
    const { image, damage } = enrolment;
    if (damage !== null) {
      log.error({ damage, sequence: enrolment.sequence }, 'replica: ALARM: an enrolment is damaged and left out');
      onDamaged(damage);
    }
    const isWhole = damage === null;
    const isImage = isWhole && image !== null;
    const embedding = isImage ? embedEnrolled(resident, { ...enrolment, image }, () => state.isOver, log) : null;
    const applied = tail.then(async () => {
      if (isWhole && image === null && !state.isCaughtUp) await cleanUp(options, enrolment);
      if (enrolment.forgotten) await forget(resident.people, enrolment.forgotten);
      else if (isWhole) make(resident.people, enrolment, embedding && (await embedding));
      if (state.isOver) return;
      state.applied = enrolment.sequence;
      underWay -= 1;
      wake();
      onApplied();
    });
    tail = applied.catch((err) => log.error({ err, sequence: enrolment.sequence }, 'replica: an enrolment is lost'));
    if (image === null || underWay >= UNDER_WAY_MAX) await tail;
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

/** Of half a million names, a thousand at a time: a millisecond each. */
const NAMES_PER_TURN = 1_000;

/** Removes the person who has that hash. */
async function forget(people: People, { hash, salt }: ForgottenMark): Promise<void> {
  let looked = 0;
  for (const name of people.names) {
    if (personHashes(name, salt).includes(hash)) people.remove(name);
    looked += 1;
    if (looked % NAMES_PER_TURN === 0) await othersTurn();
  }
}

/** Images of a removed person that are still stored: the replica that removed them came to its end first. */
async function cleanUp({ resident, enrolments, log }: FollowEnrolmentsOptions, { person, sequence }: Enrolment) {
  if (resident.people.imagesOf(person).size === 0) return;
  await enrolments.forget(person, sequence).catch((err) => {
    log.warn({ err, person, sequence }, 'replica: images of a removed person could not be deleted now');
  });
}
