/**
 * The data plane: requests to `nightshift.infer.<model>.<verb>` and their replies. The payload of a request is the
 * bytes of an image file (PNG, JPEG, WebP), or the pixels themselves; everything else stands in headers. Replies are
 * JSON, and each carries the release that answered. Errors follow the NATS micro protocol, with a Failure in the body.
 */
import { NAME_LENGTH_MAX, personName, wrongName, wrongQuestion } from './person-name.ts';
import { z } from 'zod';
import { DecisionInForceSchema } from './decision.ts';
import type { ErrorCode } from './errors.ts';
import { DigestSchema, TokenSchema } from './references.ts';
import { GALLERY_VERBS } from './subjects.ts';

/** A larger file is refused before it is decoded. */
export const IMAGE_BYTES_MAX = 4 * 1024 * 1024;

export const INFER_HEADERS = {
  /** `verify`: the person whom the face is claimed to be. `enroll`, `remove`, `picture`: the person they are about. */
  person: 'Nightshift-Person',
  /** `pixels`: the payload is no file but the model's own input, bytes [channels, height, width]. Absent: a file. */
  input: 'Nightshift-Input',
  /** Milliseconds from arrival after which the client no longer waits; the request is refused then. */
  deadlineMs: 'Nightshift-Deadline-Ms',
  /**
   * The request is answered by this release or a later one, or refused with RELEASE_NOT_REACHED, and never by a replica
   * that is out of touch with the store.
   */
  minRelease: 'Nightshift-Min-Release',
  /** The newest release of which the client has had an answer. No older one answers; a stale one of this number may. */
  seenRelease: 'Nightshift-Seen-Release',
  /** The request is answered by a gallery with this change of it: the `sequence` of a reply to `enroll` or `remove`. */
  minEnrolment: 'Nightshift-Min-Enrolment',
  /** `approve`, `picture`: the id of the change that waits. */
  request: 'Nightshift-Request',
  /** `picture`: SHA-256 of an enrolled image of the person, as `people` lists it. */
  image: 'Nightshift-Image',
  /** With a canary: the same key is answered by the same side. `deployment.canary.keyHeader` may name another header. */
  key: 'Nightshift-Key',
  /** W3C trace context: whether the request is traced, and to which trace it belongs. */
  traceparent: 'traceparent',
  /** In a reply OVERLOADED: milliseconds after which this replica expects to have room again. */
  retryAfterMs: 'Nightshift-Retry-After-Ms',
  /** In a reply that is an error: the status as in HTTP, and a sentence. */
  errorStatus: 'Nats-Service-Error-Code',
  errorText: 'Nats-Service-Error',
} as const;

const AnswerSchema = z.object({
  /** The release in service when the request began. */
  release: z.number().int(),
  /** Of the model that answered. */
  modelDigest: DigestSchema,
  /** That answered; `nightshift.infer.<model>.<verb>.at.<replica>` asks it alone. Absent before 0.5.0. */
  replica: TokenSchema.optional(),
  /** The run that announced the canary, if a canary answered in place of the release. */
  canary: TokenSchema.optional(),
  /** The replica is out of touch with the store: a newer release may be in service, and people may be missing here. */
  stale: z.literal(true).optional(),
  /** Beside `stale`: how long ago, at most, the release was certainly the one in service. */
  knowledgeAgeMs: z.number().int().optional(),
});

export const EmbedReplySchema = AnswerSchema.extend({ embedding: z.array(z.number()) });
export type EmbedReply = z.infer<typeof EmbedReplySchema>;

export const VerifyReplySchema = AnswerSchema.extend({
  person: z.string(),
  match: z.boolean(),
  /** Cosine, -1..1. */
  score: z.number(),
  /** That applied: of verify. */
  threshold: z.number(),
  decision: DecisionInForceSchema,
});
export type VerifyReply = z.infer<typeof VerifyReplySchema>;

export const IdentifyReplySchema = AnswerSchema.extend({
  /** Null if nobody is known. */
  person: z.string().nullable(),
  /** The best score reaches the threshold, and that of the second best person is lower by the margin. */
  known: z.boolean(),
  /** Of the best person, whether known or not. */
  score: z.number(),
  /** That applied: of identify, for the people enrolled at this moment. */
  threshold: z.number(),
  decision: DecisionInForceSchema,
  /** Best first, also those below the threshold. */
  matches: z.array(z.object({ person: z.string(), score: z.number() })),
});
export type IdentifyReply = z.infer<typeof IdentifyReplySchema>;

/** A change is stored when its reply is sent, and in force on the replica that answered, in every release it holds. */
const GalleryAnswerSchema = AnswerSchema.extend({
  person: z.string(),
  /** Of the change, for the header `minEnrolment`. */
  sequence: z.number().int(),
});
export const EnrollReplySchema = GalleryAnswerSchema.extend({
  /** Of this person that were enrolled, this one included; those that the release was built from do not count. */
  images: z.number().int(),
});
export type EnrollReply = z.infer<typeof EnrollReplySchema>;
export const RemoveReplySchema = GalleryAnswerSchema;
export type RemoveReply = z.infer<typeof RemoveReplySchema>;

/** A change of the gallery that waits for a second person; nothing is in force yet. */
export const PendingChangeSchema = z.object({
  pending: TokenSchema.describe('id of the request, for its approval'),
  verb: z.enum(GALLERY_VERBS),
  person: z.string(),
  by: z.string().describe('who asked for it'),
  askedAt: z.string(),
  expiresAt: z.string(),
});
export type PendingChange = z.infer<typeof PendingChangeSchema>;
/** The answer to `reject`: the change is gone, with its image, and was never in force. */
export const RejectedChangeSchema = z.object({
  rejected: TokenSchema.describe('id of the request'),
  verb: z.enum(GALLERY_VERBS),
  person: z.string(),
  by: z.string().describe('who had asked for it'),
});
export type RejectedChange = z.infer<typeof RejectedChangeSchema>;

/** The answer to `pending`. */
export const PendingListSchema = z.object({ pending: z.array(PendingChangeSchema) });

/** Body of `people`; empty: the first page of all. */
export const PeopleQuestionSchema = z.object({
  search: z
    .string()
    .refine((text) => Array.from(text).length <= NAME_LENGTH_MAX, `at most ${NAME_LENGTH_MAX} characters`)
    .default('')
    // JSON Schema counts code points, too, where `max` counts UTF-16 units.
    .meta({
      maxLength: NAME_LENGTH_MAX,
      description: 'part of the name, whatever its case, width and spaces; empty: all',
    }),
  after: z.string().max(512).optional().describe('`next` of the page before'),
  limit: z.number().int().min(1).max(100).default(50),
});
export type PeopleQuestion = z.infer<typeof PeopleQuestionSchema>;

export const KnownPersonSchema = z.object({
  person: z.string(),
  fromNight: z.boolean().describe('the release was built with a row of them, from the images of the sources'),
  references: z.number().int().describe('rows by which they are recognised: that of the night, and that of the images'),
  images: z
    .array(
      z.object({
        digest: z.string().describe('SHA-256 of the file, 64 hex digits'),
        by: z.string().describe('who enrolled it; empty if that is not known'),
        at: z.string(),
      }),
    )
    .describe('enrolled by hand, newest last; those of the sources are not among them'),
});
export type KnownPerson = z.infer<typeof KnownPersonSchema>;

/** The answer to `people`: by name, in the order of its characters. */
export const PeopleReplySchema = AnswerSchema.extend({
  people: z.array(KnownPersonSchema),
  next: z.string().nullable().describe('for the next page; null after the last'),
  found: z.number().int().describe('people whose name fits, whatever the page'),
  enrolled: z.number().int().describe('all people of the gallery'),
});
export type PeopleReply = z.infer<typeof PeopleReplySchema>;

const nameBy = (wrong: (text: string) => string | null) =>
  z
    .string()
    .transform(personName)
    .superRefine((name, context) => {
      const message = wrong(name);
      if (message !== null) context.addIssue({ code: 'custom', message });
    });
/** The name of somebody who is enrolled, in its form (person-name.ts). */
export const PersonSchema = nameBy(wrongName);
/** Of somebody who is asked for or removed: also one that nobody could be enrolled under now. */
export const AskedPersonSchema = nameBy(wrongQuestion);

/** The body of a reply that is an error. */
export const InferErrorSchema = z.object({
  error: z.object({ code: z.string(), message: z.string() }),
  replica: TokenSchema.optional(),
});

/** The status of a reply that is an error: below 500 (429 aside) the request itself is at fault. */
export const inferStatus = (code: ErrorCode): number => STATUS_OF[code] ?? 500;

/** Any other error is a fault of ours. */
const STATUS_OF: Readonly<Partial<Record<ErrorCode, number>>> = {
  IMAGE_UNREADABLE: 400,
  MEMORY_FULL: 503,
  IMAGE_TOO_LARGE: 400,
  IMAGE_BLANK: 400,
  FACE_NOT_FOUND: 400,
  FACES_SEVERAL: 400,
  FACE_TOO_SMALL: 400,
  FACE_TOO_BLURRED: 400,
  REQUEST_INVALID: 400,
  SECOND_PERSON_NEEDED: 403,
  PERSON_UNKNOWN: 404,
  APPROVAL_UNKNOWN: 404,
  GALLERY_FULL: 409,
  OVERLOADED: 429,
  NOT_READY: 503,
  RELEASE_NOT_REACHED: 503,
  HOST_FAILED: 503,
  DEADLINE_EXCEEDED: 504,
};
