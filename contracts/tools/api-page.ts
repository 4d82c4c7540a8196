/**
 * `npm run docs:api` writes docs/api.md from the table of contracts/api.ts and the recorded exchanges of
 * docs/api-examples.json. With `--check` it writes nothing and fails if the page has drifted from them.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import * as api from '../api.ts';
import { KeptAuditEntrySchema } from '../audit.ts';
import { OutcomeSchema } from '../commands.ts';
import { CarriedPipelineSchema } from '../configuration/carried-schemas.ts';
import { ScheduleConfigSchema, SlotEntrySchema } from '../configuration/schedule.ts';
import { DecisionInForceSchema } from '../decision.ts';
import { KeptLetterSchema } from '../dead-letter.ts';
import { FailureSchema } from '../messages.ts';
import { BlobRefSchema, DigestSchema, TokenSchema } from '../references.ts';
import { KeptRefusalSchema } from '../refusal.ts';
import { AnnouncedSchema, DeploymentSchema, OriginSchema, ReleaseSchema } from '../release.ts';
import { ReleaseFiguresSchema, ReplicaStatusSchema } from '../replica.ts';
import { nameSchemas, typeText } from './type-text.ts';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = join(ROOT, 'docs/api.md');
const EXAMPLES = join(ROOT, 'docs/api-examples.json');
const LINE_MAX = 110;

/** Types that are told of elsewhere, or in words. */
const TOLD: Readonly<Record<string, readonly [schema: z.ZodType, told: string]>> = {
  Token: [TokenSchema, 'a string of letters, digits, `-` and `_`, 1 to 64 of them'],
  Digest: [DigestSchema, '`sha256:` and 64 hex digits'],
  ErrorCode: [FailureSchema.shape.code, 'a code of [errors.md](errors.md)'],
  Pipeline: [
    CarriedPipelineSchema,
    'the settings of a model, with all defaults: [configuration.md](configuration.md); what is local by its name: [local.md](local.md)',
  ],
};

const NAMED: Readonly<Record<string, z.ZodType>> = {
  Outcome: OutcomeSchema,
  Failure: FailureSchema,
  RunSummary: api.RunSummarySchema,
  TimelineEntry: api.TimelineEntrySchema,
  RunMemory: api.RunMemorySchema,
  ModelStatus: api.ModelStatusSchema,
  Deployment: DeploymentSchema,
  Release: ReleaseSchema,
  Announced: AnnouncedSchema,
  Origin: OriginSchema,
  BlobRef: BlobRefSchema,
  ReplicaStatus: ReplicaStatusSchema,
  DecisionInForce: DecisionInForceSchema,
  ReleaseFigures: ReleaseFiguresSchema,
  ModelLedger: api.ModelLedgerSchema,
  ServedRelease: api.ServedReleaseSchema,
  ScheduleStatus: api.ScheduleStatusSchema,
  ScheduleConfig: ScheduleConfigSchema,
  SlotEntry: SlotEntrySchema,
  ListedLetter: api.ListedLetterSchema,
  KeptLetter: KeptLetterSchema,
  KeptRefusal: KeptRefusalSchema,
  KeptAuditEntry: KeptAuditEntrySchema,
};

interface Exchange {
  readonly question: unknown;
  readonly answer: unknown;
}

const HEAD = `<!-- Written by \`npm run docs:api\` from contracts/api.ts; edit that. -->

# The operators' API

Questions and commands by request and reply, for scripts and consoles. The command line asks nothing else.

\`\`\`sh
nats --context nightshift-operator req nightshift.api.runs '{"model":"face"}'
nats --context nightshift-operator req nightshift.api.pipeline.start '{"model":"face"}'
nats --context nightshift-operator micro info nightshift        # every endpoint that is served just now
\`\`\`

- A question is a JSON object; an empty body is \`{}\`. Fields that are not listed are ignored.
- An answer is a JSON object. Later versions may add fields to it.
- A question that cannot be answered gets a NATS micro error: a sentence in the header \`Nats-Service-Error\`, a status as
  in HTTP in \`Nats-Service-Error-Code\`, and \`{"error": Failure}\` as its body. Match on \`error.code\`, never on the text.
- Any number of orchestrators serve the same endpoints; each question goes to one.

The examples come from a test system. Lists are cut to two members, the memory of a run and the pipeline of a model to a few
fields.
`;

const COMMANDS = `A command is stored in a stream before it is obeyed, so it survives the process that took it. Its answer tells what became
of it; a command that nobody has obeyed within 4.5 s answers with \`DEADLINE_EXCEEDED\`, stays stored, and is answered later by
an event \`nightshift.evt.operator.accepted.<id>\` or \`.refused.<id>\`. A refusal is an error with the code of the refusal.

The same commands can be published without waiting: \`nats pub nightshift.ctl.pipeline.start '{"model":"face"}'\`. The subject has
\`ctl\` in place of \`api\`. Every answer is an \`Outcome\`.
`;

export function renderPage(examples: Readonly<Record<string, Exchange>>): string {
  const named = Object.entries(TOLD).map(([name, [schema]]) => [name, schema] as const);
  nameSchemas(new Map([...named, ...Object.entries(NAMED)]));
  const section = (subject: string, endpoint: Endpoint) => endpointText(subject, endpoint, examples[subject]);
  const questions = Object.entries(api.QUESTIONS).map(([subject, endpoint]) => section(subject, endpoint));
  const commands = Object.entries(api.COMMAND_ENDPOINTS).map(([subject, endpoint]) => section(subject, endpoint));
  return [HEAD, '## Questions\n', ...questions, '## Commands\n', COMMANDS, ...commands, '## Types\n', typesText()].join(
    '\n',
  );
}

interface Endpoint {
  readonly description: string;
  readonly question: z.ZodType;
  readonly answer: z.ZodType;
}

function endpointText(subject: string, { description, question, answer }: Endpoint, example?: Exchange): string {
  const asked = `type Question = ${typeText(question, 'input')}`;
  const answered = answer === OutcomeSchema ? 'type Answer = Outcome' : `type Answer = ${typeText(answer, 'output')}`;
  const shown = example ? [code('json', layOut(example.question), layOut(example.answer))] : [];
  return [`### \`${subject}\`\n`, `${description}\n`, code('ts', asked, answered), ...shown].join('\n');
}

function typesText(): string {
  const told = Object.entries(TOLD).map(([name, [, text]]) => `- \`${name}\`: ${text}.`);
  const defined = Object.entries(NAMED).map(([name, schema]) => `type ${name} = ${typeText(schema, 'output')}`);
  return [`${told.join('\n')}\n`, ...defined.map((text) => code('ts', text))].join('\n');
}

const code = (language: string, ...parts: string[]) => `\`\`\`${language}\n${parts.join('\n')}\n\`\`\`\n`;

/** JSON with one line for whatever fits on one. */
function layOut(value: unknown, indent = ''): string {
  const short = inOneLine(value);
  if (indent.length + short.length <= LINE_MAX || typeof value !== 'object' || value === null) return short;
  const inner = `${indent}  `;
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const members = Array.isArray(value)
    ? value.map((item) => layOut(item, inner))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${layOut(item, inner)}`);
  return `${open}\n${members.map((member) => inner + member).join(',\n')}\n${indent}${close}`;
}

function inOneLine(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(inOneLine).join(', ')}]`;
  const members = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${inOneLine(item)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

/** By subject; held to the schemas by a test. */
export const readExamples = (): Readonly<Record<string, Exchange>> => JSON.parse(readFileSync(EXAMPLES, 'utf8'));

export const writeExamples = (exchanges: Readonly<Record<string, Exchange>>): void =>
  writeFileSync(EXAMPLES, `${JSON.stringify(exchanges, null, 2)}\n`);

function main(check: boolean): void {
  const text = renderPage(readExamples());
  if (!check) return writeFileSync(PAGE, text);
  if (existsSync(PAGE) && readFileSync(PAGE, 'utf8') === text) return;
  console.error('docs/api.md differs from contracts/api.ts: run `npm run docs:api`');
  process.exitCode = 1;
}

if (process.argv[1] === import.meta.filename) main(process.argv.includes('--check'));
