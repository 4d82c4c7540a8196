/** One request as a replica takes it, whichever way it came: the image and its sender's demands. Knows no NATS. */
import type { InferVerb } from '../../../contracts/subjects.ts';
import type { EmbedRequest } from '../strategy.ts';

export interface RecogniseRequest<Verb = InferVerb> {
  readonly verb: Verb;
  /** An image file, or the pixels [channels, height, width] that one would give. */
  readonly image: Uint8Array;
  readonly input: 'file' | 'pixels';
  /** The person whom it is about; all but `embed` and `identify` need it. */
  readonly person: string | null;
  /** performance.now() */
  readonly deadlineMs: number;
  /** 0 if any release will do. */
  readonly minRelease: number;
  /** The newest release of which the sender has had an answer; 0 if it does not say. */
  readonly seenRelease: number;
  /** Sequence of a change of the gallery; 0 if none is demanded. */
  readonly minEnrolment: number;
  /** A header of the request, or null. */
  readonly header: (name: string) => string | null;
  /** Wants to know its way through the model host; undefined if nobody does. */
  readonly onTimes?: EmbedRequest['onTimes'];
}
