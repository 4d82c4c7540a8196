/**
 * Embeds an enrolled image with a resident's own model, as often as it takes: the change is stored, so that it must
 * come into force. Called by enrolments.ts of the inference actor.
 */
import { toFailure } from '../../../contracts/errors.ts';
import type { Logger } from '../../../runtime/logger.ts';
import { FOREVER, retry, type RetryPolicy } from '../../../runtime/retry.ts';
import { prepareImage } from '../../data/faces/prepare.ts';
import type { ResidentModel } from './resident-model.ts';

export interface EnrolledImage {
  readonly person: string;
  readonly sequence: number;
  readonly image: Uint8Array;
}

/** A queue that is full or a process that is replaced has room again after this, or after this again. */
const EMBED_AGAIN: RetryPolicy = {
  attemptsMax: FOREVER,
  pauseMs: 100,
  isWorthIt: (error) => toFailure(error).retryable,
};

/** Null if the resident's end comes first (`isOver`), or if the image is unreadable or blank: then it counts for nothing. */
export async function embedEnrolled(
  { host, faces, image: spec }: ResidentModel,
  { image, person, sequence }: EnrolledImage,
  isOver: () => boolean,
  log: Logger,
): Promise<Float32Array | null> {
  const embed = async () => {
    if (isOver()) return null;
    const pixels = await prepareImage(image, spec, faces, `enrolment ${sequence}`);
    return host.embed({ pixels, count: 1 });
  };
  try {
    return await retry(EMBED_AGAIN, embed);
  } catch (err) {
    log.error({ err, person, sequence }, 'replica: an enrolled image cannot be used; it is left out');
    return null;
  }
}
