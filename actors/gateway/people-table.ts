/**
 * The routes about people as a table: those of a model's gallery, thinly over the requests of the data plane, and the order
 * to forget somebody. people.ts serves it, openapi.ts describes it.
 */
import { z } from 'zod';
import { ForgetReportSchema } from '../../contracts/forgetting.ts';
import {
  EnrollReplySchema,
  PendingChangeSchema,
  PendingListSchema,
  PeopleQuestionSchema,
  PeopleReplySchema,
  RejectedChangeSchema,
  RemoveReplySchema,
} from '../../contracts/inference.ts';
import { FailureSchema } from '../../contracts/messages.ts';
import { TokenSchema } from '../../contracts/references.ts';

/** Its form is checked where it is known: by the replica, or before it is hashed. */
const PersonSchema = z.string().min(1).max(512).describe('the name');

/** As on the data plane, with texts for numbers. */
export const PeopleQuerySchema = z.object({
  search: PeopleQuestionSchema.shape.search,
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: PeopleQuestionSchema.shape.after,
});
export const RemoveSchema = z.object({ person: PersonSchema });
/** Of an approval and of a rejection. */
export const WaitingSchema = z.object({ pending: TokenSchema });
export const PictureSchema = z.union([
  z.object({ pending: TokenSchema }),
  z.object({ person: PersonSchema, digest: z.string().regex(/^[0-9a-f]{64}$/, '64 hex digits') }),
]);
export const ForgetSchema = z.object({
  person: PersonSchema,
  mode: z
    .enum(['forget', 'look', 'readmit'])
    .describe('`look` changes nothing; `readmit` lets them be collected again'),
});

export const EnrollAnswerSchema = z.union([EnrollReplySchema, PendingChangeSchema]);
export const RemoveAnswerSchema = z.union([RemoveReplySchema, PendingChangeSchema]);
export const ApproveAnswerSchema = z.union([EnrollReplySchema, RemoveReplySchema]);
export const OrderedSchema = z.object({ order: TokenSchema.describe('to ask what became of it') });
export const ForgetStateSchema = z.object({
  state: z.enum(['waiting', 'working', 'done', 'failed']).describe('`waiting`: for a janitor'),
  report: ForgetReportSchema.nullable(),
  failure: FailureSchema.nullable(),
});
export type ForgetState = z.infer<typeof ForgetStateSchema>;

interface PeopleRoute {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly summary: string;
  /** Of the query. */
  readonly query?: z.ZodObject;
  /** JSON; `image`: a file, raw or as a form. */
  readonly body?: z.ZodType | 'image';
  /** `image`: the bytes of one. */
  readonly answer: z.ZodType | 'image';
}

export const PEOPLE_ROUTES = {
  people: {
    method: 'get',
    path: '/v1/:model/people',
    query: PeopleQuerySchema,
    answer: PeopleReplySchema,
    summary: 'For enrollers and operators: the people of the gallery in service, by name.',
  },
  enroll: {
    method: 'post',
    path: '/v1/:model/enroll',
    body: 'image',
    answer: EnrollAnswerSchema,
    query: z.object({ person: PersonSchema.optional() }),
    summary: 'For enrollers: one image of a person, named in the query, the form, or the header Nightshift-Person.',
  },
  remove: {
    method: 'post',
    path: '/v1/:model/remove',
    body: RemoveSchema,
    answer: RemoveAnswerSchema,
    summary: 'For enrollers: takes a person out of the gallery.',
  },
  picture: {
    method: 'post',
    path: '/v1/:model/picture',
    body: PictureSchema,
    answer: 'image',
    summary: 'For enrollers and operators: an image that was enrolled, or that waits for approval.',
  },
  pending: {
    method: 'get',
    path: '/v1/:model/pending',
    answer: PendingListSchema,
    summary: 'For operators: changes of the gallery that wait for a second person.',
  },
  approve: {
    method: 'post',
    path: '/v1/:model/approve',
    body: WaitingSchema,
    answer: ApproveAnswerSchema,
    summary: 'For operators: makes a change that another person has asked for.',
  },
  reject: {
    method: 'post',
    path: '/v1/:model/reject',
    body: WaitingSchema,
    answer: RejectedChangeSchema,
    summary: 'For operators: drops a change that waits, with its image.',
  },
  forget: {
    method: 'post',
    path: '/api/v1/people/forget',
    body: ForgetSchema,
    answer: OrderedSchema,
    summary: 'For operators: has a person taken out of all that is stored.',
  },
  forgetting: {
    method: 'get',
    path: '/api/v1/people/forget/:order',
    answer: ForgetStateSchema,
    summary: 'For operators: the state of such an order, and its report.',
  },
} as const satisfies Readonly<Record<string, PeopleRoute>>;
