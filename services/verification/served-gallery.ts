/**
 * The gallery that a release serves: after the verdict all images of a person make the row, the probes too, and the
 * thresholds come from what strangers score in this very gallery.
 */
import type { DecisionConfig } from '../../contracts/configuration/decision.ts';
import type { Accuracy } from '../../contracts/verification.ts';
import { decisionTable } from '../decision/in-force.ts';
import { galleryOfParts, type Gallery } from '../serving/gallery/gallery.ts';
import { PEOPLE_MAX } from '../serving/gallery/people.ts';
import { strangersOf, type Measured, type VerificationImages } from './accuracy.ts';
import { scoreStrangers, thresholdsOf } from './strangers.ts';

export async function servedGallery(
  { accuracy, embedded }: Measured,
  images: VerificationImages,
  config: DecisionConfig,
  signal: AbortSignal,
): Promise<Gallery> {
  const { enrolled, probes } = images;
  const parts = [
    { rows: embedded.enrolled, ...enrolled },
    { rows: embedded.probes, ...probes },
  ];
  const gallery = galleryOfParts(parts, enrolled.labels);
  const strangers = await scoreStrangers(gallery, strangersOf(images, embedded), signal);
  const { verify } = thresholdsOf(strangers, config, gallery.labels.length);
  return {
    ...gallery,
    decision: {
      identify: { ...config.identify, ...decisionTable(strangers, config.identify, PEOPLE_MAX) },
      verify: { far: config.verify.far, threshold: verify },
      warning: warningOf(accuracy),
    },
  };
}

/** In status and in each reply while the data does not show what is promised. */
function warningOf({ identify, verify }: Accuracy): string | null {
  const promises = [
    { verb: 'identify', promise: identify.fpir },
    { verb: 'verify', promise: verify.far },
  ];
  const open = promises.filter(({ promise }) => promise.verdict !== 'shown');
  if (open.length === 0) return null;
  const sentences = open.map(({ verb, promise }) => `${verb}: ${promise.sentence}`);
  return `The data does not show what is promised about strangers. ${sentences.join('. ')}.`;
}
