/**
 * The body of a page -> its entries, one by one: JSON, or a line for each (NDJSON). A broken entry, or a line that is no
 * JSON, is told as such, and the others stay. Pure; called by http-source.ts, which has the format in its head.
 */
import { z } from 'zod';
import { describeIssues } from '../../contracts/envelope.ts';
import { bloatedPage } from './bloated-page.ts';
import type { SourceFault } from './strategy.ts';

/** Ids stand in the manifest and in messages. */
const ID_LENGTH_MAX = 256;
const VERSION_LENGTH_MAX = 256;

const TextSchema = z.union([z.string(), z.number()]).transform(String);
const IdSchema = TextSchema.pipe(z.string().max(ID_LENGTH_MAX));
/** Many services write null for what they do not have. */
const optional = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => value ?? undefined);
const EntrySchema = z
  .object({
    id: IdSchema,
    label: TextSchema,
    image: optional(z.string()),
    imageUrl: optional(z.string().min(1)),
    tags: optional(z.array(z.string())),
  })
  .refine(({ image, imageUrl }) => (image === undefined) !== (imageUrl === undefined), {
    path: ['image'],
    message: 'either `image` or `imageUrl`',
  });
export type Entry = z.infer<typeof EntrySchema>;

/** Much longer than any database's, and short enough for an address. */
const STATE_LENGTH_MAX = 512;

const EndSchema = z.object({
  nextCursor: z.string().min(1).nullable(),
  total: optional(z.number().int().nonnegative()),
  version: optional(TextSchema.pipe(z.string().max(VERSION_LENGTH_MAX))),
  since: optional(TextSchema.pipe(z.string().min(1).max(STATE_LENGTH_MAX))),
  removed: optional(z.array(IdSchema)),
  idsSha256: optional(z.string().regex(/^[0-9a-f]{64}$/i, 'the SHA-256 of all ids, 64 hexadecimal digits')),
});
export const SamplePageSchema = EndSchema.extend({ samples: z.array(EntrySchema) });
/** The page that a data service sends. */
export type SamplePage = z.input<typeof SamplePageSchema>;
const ReceivedPageSchema = EndSchema.extend({ samples: z.array(z.unknown()) });

export type Page = z.infer<typeof EndSchema> & { readonly entries: readonly (Entry | SourceFault)[] };

/** Why a body is no page, in words that quote nothing of it. */
export class NoPage extends Error {}

const LINES: readonly string[] = ['application/x-ndjson', 'application/ndjson', 'application/jsonl'];

/** `number`: of the page, for entries without an id of their own. Throws NoPage. */
export function pageOf(body: Buffer, mediaType: string, number: number): Page {
  const bloated = bloatedPage(body);
  if (bloated !== null) throw new NoPage(bloated);
  const received = LINES.includes(mediaType) ? linesOf(body) : wholeOf(body, mediaType);
  const { samples, ...end } = received;
  return { ...end, entries: samples.map((entry, index) => entryOf(entry, `page ${number}, entry ${index + 1}`)) };
}

function wholeOf(body: Buffer, mediaType: string): z.infer<typeof ReceivedPageSchema> {
  const json = parsed(body.toString('utf8'));
  if (json === undefined) throw new NoPage(`the page is not JSON: status 200, ${mediaType}, ${body.length} bytes`);
  const { success, data, error } = ReceivedPageSchema.safeParse(json);
  if (success) return data;
  throw new NoPage(`the page does not have the form {samples, nextCursor}: ${describeIssues(error)}`);
}

/** The last line ends the page, so that one that was cut off is no page. */
function linesOf(body: Buffer): z.infer<typeof ReceivedPageSchema> {
  const lines = body
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const { success, data } = EndSchema.safeParse(parsed(lines.at(-1) ?? ''));
  if (success) return { ...data, samples: lines.slice(0, -1).map(parsed) };
  throw new NoPage(`the last of its ${lines.length} lines is no {"nextCursor": ...}; was it cut off?`);
}

/** The parser's own message quotes the text, so it is not repeated. */
function parsed(text: string): unknown {
  try {
    // Some services begin with a mark of the order of bytes.
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return undefined;
  }
}

function entryOf(entry: unknown, place: string): Entry | SourceFault {
  const { success, data, error } = EntrySchema.safeParse(entry);
  if (success) return data;
  const named = NamedSchema.safeParse(entry).data;
  const id = named?.id ?? place;
  const fault = error.issues.every(({ path }) => path[0] === 'tags') ? 'invalid-tags' : 'incomplete';
  return { id, label: named?.label ?? '', fault, message: `${id} (${place}): ${describeIssues(error)}` };
}

/** As much as a broken entry may still tell. */
const NamedSchema = z.object({
  id: IdSchema.optional().catch(undefined),
  label: TextSchema.optional().catch(undefined),
});
