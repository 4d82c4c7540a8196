/** The data plane for the documents in docs/: its verbs, their answers, and every header with its meaning. */
import type { z } from 'zod';
import {
  EmbedReplySchema,
  EnrollReplySchema,
  IdentifyReplySchema,
  INFER_HEADERS,
  PendingChangeSchema,
  PendingListSchema,
  PeopleQuestionSchema,
  PeopleReplySchema,
  RejectedChangeSchema,
  RemoveReplySchema,
  VerifyReplySchema,
} from '../inference.ts';
import {
  APPROVAL_VERBS,
  GALLERY_VERBS,
  INFER_VERBS,
  inferAt,
  inferSubject,
  PEOPLE_VERBS,
  type ApprovalVerb,
  type GalleryVerb,
  type InferVerb,
  type PeopleVerb,
} from '../subjects.ts';

type Verb = InferVerb | GalleryVerb | ApprovalVerb | PeopleVerb;
type Header = keyof typeof INFER_HEADERS;

export const HEADER_WORDS: Readonly<Record<Header, string>> = {
  person: '`verify`: the person whom the face is claimed to be. `enroll`, `remove`: the person they are about. UTF-8.',
  input: '`pixels`: the body is the input of the model itself, bytes [channels, height, width]. Absent: an image file.',
  deadlineMs: 'Milliseconds from arrival after which the answer is DEADLINE_EXCEEDED.',
  minRelease: 'The request is answered by this release or a later one, or refused with RELEASE_NOT_REACHED.',
  seenRelease: 'The newest release that has answered this client: no older one answers.',
  minEnrolment: 'The `sequence` of a change of the gallery that must be in force.',
  request: '`approve`, `reject`, `picture`: the id of the change that waits.',
  image: '`picture`: SHA-256 of an enrolled image of the person, as `people` lists it.',
  key: 'With a canary: the same key is answered by the same side. `deployment.canary.keyHeader` may name another header.',
  traceparent: 'W3C trace context: whether the request is traced, and to which trace it belongs.',
  retryAfterMs: 'Of an answer OVERLOADED: milliseconds after which there will be room.',
  errorStatus: 'Of an answer that is an error: a status as in HTTP.',
  errorText: 'Of an answer that is an error: one sentence.',
};

/** By the name of the schema. */
export const ANSWERS: Readonly<Record<string, z.ZodType>> = {
  IdentifyReply: IdentifyReplySchema,
  VerifyReply: VerifyReplySchema,
  EmbedReply: EmbedReplySchema,
  EnrollReply: EnrollReplySchema,
  RemoveReply: RemoveReplySchema,
  RejectedChange: RejectedChangeSchema,
  PendingChange: PendingChangeSchema,
  PendingList: PendingListSchema,
  PeopleReply: PeopleReplySchema,
};

/** The one answer that is no JSON. */
export const PICTURE = 'PictureReply';

export interface InferenceChannel {
  readonly address: string;
  readonly summary: string;
  readonly verb: Verb;
  /** Whether the body is an image; empty otherwise. */
  readonly isImage: boolean;
  /** The body is this as JSON. */
  readonly question?: z.ZodType;
  readonly headers: readonly Header[];
  /** Names of ANSWERS, or PICTURE. */
  readonly answers: readonly string[];
}

const DEMANDS = ['input', 'deadlineMs', 'minRelease', 'seenRelease', 'minEnrolment'] as const;
const CHANGED = 'PendingChange';

const VERBS: Readonly<Record<Verb, Omit<InferenceChannel, 'address' | 'verb'>>> = {
  identify: {
    summary: 'The person on the image, if known.',
    isImage: true,
    headers: DEMANDS,
    answers: ['IdentifyReply'],
  },
  verify: {
    ...{ summary: 'Whether the face is that of the person.', isImage: true },
    ...{ headers: ['person', ...DEMANDS], answers: ['VerifyReply'] },
  },
  embed: { summary: "The model's output for the image.", isImage: true, headers: DEMANDS, answers: ['EmbedReply'] },
  enroll: {
    ...{ summary: 'Adds an image of a person to the gallery.', isImage: true },
    ...{ headers: ['person'], answers: ['EnrollReply', CHANGED] },
  },
  remove: {
    ...{ summary: 'Removes a person from the gallery.', isImage: false },
    ...{ headers: ['person'], answers: ['RemoveReply', CHANGED] },
  },
  pending: { summary: 'Changes that wait for a second person.', isImage: false, headers: [], answers: ['PendingList'] },
  approve: {
    ...{ summary: 'Puts a change in force that waits for a second person.', isImage: false },
    ...{ headers: ['request'], answers: ['EnrollReply', 'RemoveReply'] },
  },
  reject: {
    ...{ summary: 'Drops a change that waits for a second person.', isImage: false },
    ...{ headers: ['request'], answers: ['RejectedChange'] },
  },
  people: {
    ...{ summary: 'Who is in the gallery, page by page.', isImage: false, question: PeopleQuestionSchema },
    ...{ headers: [], answers: ['PeopleReply'] },
  },
  picture: {
    ...{ summary: 'An image that was enrolled, or that waits for a second person.', isImage: false },
    ...{ headers: ['person', 'image', 'request'], answers: [PICTURE] },
  },
};

export const INFERENCE: readonly InferenceChannel[] = [
  ...[...INFER_VERBS, ...GALLERY_VERBS, ...APPROVAL_VERBS, ...PEOPLE_VERBS].map((verb) => ({
    ...{ ...VERBS[verb], verb, address: inferSubject('{model}', verb) },
  })),
  ...INFER_VERBS.map((verb) => ({
    ...{ ...VERBS[verb], verb, address: inferAt('{model}', verb, '{replica}') },
    summary: `${VERBS[verb].summary} Asked of one replica alone.`,
  })),
];
