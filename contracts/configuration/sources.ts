/** The settings of each kind of source. They stand in the file of the collector's machine; messages carry names (carried.ts). */
import { z } from 'zod';
import { SecretSchema, TextOrSecretSchema } from '../secret.ts';
import { OwnModuleSchema } from './own-module.ts';

const NAME = z.string().min(1).describe('Names the source in snapshots, logs and errors.');
const hasLogin = (url: string) => URL.canParse(url) && new URL(url).username + new URL(url).password !== '';

const PhotographsSchema = z
  .strictObject({
    bytesMax: z
      .number()
      .int()
      .min(1)
      .default(40 * 1024 * 1024)
      .describe('The largest file that is read.'),
    pixelsMax: z.number().int().min(1).default(64_000_000).describe('The largest picture that is decoded.'),
    sideMax: z.number().int().min(256).max(4096).default(2048).describe('Its longer side after it was scaled.'),
  })
  .describe('A picture of more than 4 MiB or 40 million pixels is scaled before anything else looks at it.');
export type PhotographsConfig = z.infer<typeof PhotographsSchema>;
export const PHOTOGRAPHS_DEFAULT: PhotographsConfig = PhotographsSchema.parse({});

/** Without defaults of their own: the digest of a source that does not name them stays as it was (written-out.ts). */
const EDGE = {
  policy: z
    .enum(['required', 'best-effort'])
    .optional()
    .describe(
      '`best-effort`: the night goes on without it if it cannot be read, and says so (`checks.sourceFailed`); ' +
        '`quorum` is how many must be read. `required` by default.',
    ),
  photographs: PhotographsSchema.optional(),
} as const;

const PEM = z.union([z.string().min(1), SecretSchema], {
  error: 'the path of a PEM file; or {"env": "NAME"} or {"file": "path"}, which say where a secret is',
});
const TlsConfigSchema = z
  .strictObject({
    ca: PEM.optional().describe('Certificates (PEM) that are trusted. Absent: those that Node trusts.'),
    cert: PEM.optional().describe('Client certificate (PEM), for a service that asks for one.'),
    key: PEM.optional().describe('Its key (PEM).'),
  })
  .describe('Certificates: paths, or secrets that hold the PEM itself.');
export type TlsConfig = z.infer<typeof TlsConfigSchema>;

const HttpSourceSchema = z.object({
  type: z.literal('http').describe('A data service: pages of samples over HTTP.'),
  name: NAME,
  url: z
    .url()
    .refine((url) => !hasLogin(url), 'no user or password stands in an address; write `bearer` or `headers`')
    .describe('Answers `GET <url>?limit=50&cursor=...` with a page of samples.'),
  bearer: SecretSchema.optional().describe('A token, sent as `Authorization: Bearer <token>`.'),
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9-]+$/, 'the name of a header'), TextOrSecretSchema)
    .optional()
    .describe('Headers of each request.'),
  query: z
    .record(z.string().min(1), TextOrSecretSchema)
    .optional()
    .describe('Parameters that are added to the address, for services that want a token there.'),
  tls: TlsConfigSchema.optional(),
  imageOrigins: z
    .array(
      z
        .url()
        .refine(
          (url) => URL.canParse(url) && new URL(url).href === `${new URL(url).origin}/`,
          'an origin, such as https://images.internal',
        ),
    )
    .optional()
    .describe('Other origins from which images may be fetched that pages name by address. They get no login.'),
  pageSize: z.number().int().min(1).max(1000).default(50).describe('Samples that are asked for at once.'),
  fullEvery: z
    .number()
    .int()
    .min(1)
    .max(365)
    .default(7)
    .describe('If the service offers increments (`since`): every so many readings it is read whole; 1: always.'),
  timeoutMs: z.number().int().min(100).default(10_000).describe('The longest wait for a page, or for an image.'),
  attemptsMax: z
    .number()
    .int()
    .min(1)
    .max(20)
    .default(5)
    .describe('Tries of one page or image, the first included, after 429, 5xx or silence.'),
  waitMaxMs: z
    .number()
    .int()
    .min(0)
    .default(10 * 60_000)
    .describe('The longest wait that a service may ask for by `Retry-After`.'),
  ...EDGE,
});

const DirectorySourceSchema = z.object({
  type: z.literal('directory').describe('A folder on the machine of the collector.'),
  name: NAME,
  path: z.string().min(1).describe('A folder with one folder per person, and images inside.'),
  ...EDGE,
});

const S3SourceSchema = z.object({
  type: z.literal('s3').describe('A bucket of S3, or of anything that speaks as S3 does.'),
  name: NAME,
  endpoint: z
    .url()
    .refine(
      (url) => !hasLogin(url),
      'no user or password stands in an address; write `accessKeyId` and `secretAccessKey`',
    )
    .optional()
    .describe('Absent: that of AWS in the region.'),
  region: z.string().min(1).default('us-east-1').describe('Of the bucket; most servers other than AWS take any.'),
  bucket: z.string().min(1).describe('Its name.'),
  prefix: z
    .string()
    .default('')
    .describe('Keys behind it are `person/**/image`, as in a folder; it usually ends with `/`.'),
  pathStyle: z
    .boolean()
    .optional()
    .describe('The bucket is in the path, and not in the name of the host: by default for an `endpoint`.'),
  accessKeyId: SecretSchema.optional().describe('Absent: what the client of AWS finds in its environment.'),
  secretAccessKey: SecretSchema.optional().describe('Beside `accessKeyId`.'),
  sessionToken: SecretSchema.optional().describe('Of a login that is lent.'),
  tls: TlsConfigSchema.optional(),
  timeoutMs: z.number().int().min(100).default(30_000).describe('The longest silence within an answer.'),
  attemptsMax: z.number().int().min(1).max(20).default(5).describe('Tries of one object, the first included.'),
  ...EDGE,
});
export type S3SourceConfig = z.infer<typeof S3SourceSchema>;

const JetStreamSourceSchema = z.object({
  type: z.literal('jetstream').describe('A stream into which its owner publishes samples, on the same nats-server.'),
  name: NAME,
  stream: z
    .string()
    .regex(/^[^\s.*>/\\]+$/, 'the name of a stream')
    .describe('Its name on the server. `nightshift auth export` gives the collector the right to read it.'),
  ...EDGE,
});
export type JetStreamSourceConfig = z.infer<typeof JetStreamSourceSchema>;

const ModuleSourceSchema = OwnModuleSchema.extend({
  type: z.literal('module').describe('A source of your own.'),
  name: NAME,
  ...EDGE,
});

export const SOURCE_SCHEMAS = [
  HttpSourceSchema,
  DirectorySourceSchema,
  S3SourceSchema,
  JetStreamSourceSchema,
  ModuleSourceSchema,
] as const;
