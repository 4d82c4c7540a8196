/**
 * The AsyncAPI 3 document of all that is said over NATS, made of catalogue.ts and inference-channels.ts. Pure. It describes
 * Nightshift: it sends events, and receives commands, questions and requests. Written by document.ts to docs/asyncapi.json.
 */
import { attributeHeader, CONTENT_TYPE_HEADER, STRUCTURED_TYPE, TRACE_HEADER } from '../cloud-event.ts';
import { DEAD_LETTER_HEADERS } from '../dead-letter.ts';
import { EnvelopeSchema, typeOfSubject } from '../envelope.ts';
import { REPLY_TO_HEADER } from '../commands.ts';
import { INFER_HEADERS } from '../inference.ts';
import { deadLetterSubject, slotSubject, STREAMS } from '../subjects.ts';
import * as catalogue from './catalogue.ts';
import { ANSWERS, HEADER_WORDS, INFERENCE, PICTURE, type InferenceChannel } from './inference-channels.ts';
import { partOf, type JsonObject, type Parts } from './json-schema.ts';
import { ErrorAnswerSchema, sorted } from './schema-files.ts';

/** One question, or envelope, as it travelled; `answer` if there was one. */
export interface Example {
  readonly question?: unknown;
  readonly answer?: unknown;
  readonly envelope?: unknown;
}
/** By subject, its ids left out, or by the type of the envelope. */
export type Examples = Readonly<Record<string, Example>>;

const SCHEMAS = '#/components/schemas/';
const INBOX = 'inbox';
const NATS_ID = 'Nats-Msg-Id';

interface Document {
  readonly parts: Parts;
  readonly messages: Map<string, JsonObject>;
  readonly channels: Map<string, JsonObject>;
  readonly operations: Map<string, JsonObject>;
  readonly examples: Examples;
}

export function asyncApi(version: string, examples: Examples): JsonObject {
  const parts: Parts = { draft: 'draft-07', at: SCHEMAS, named: new Map() };
  const document: Document = {
    ...{ parts, examples },
    messages: new Map(),
    channels: new Map(),
    operations: new Map(),
  };
  partOf('CloudEvent', EnvelopeSchema, parts);
  parts.named.set('CloudEventHeaders', EVENT_HEADERS);
  for (const it of catalogue.EVENTS) addEnvelope(document, it, 'send');
  for (const it of catalogue.OPERATOR_COMMANDS) addEnvelope(document, it, 'receive', true);
  for (const it of [...catalogue.WORK_COMMANDS, ...catalogue.KEPT]) addEnvelope(document, it, 'send');
  for (const it of [...catalogue.QUESTIONS_ASKED, ...catalogue.COMMANDS_ASKED]) addQuestion(document, it);
  for (const it of INFERENCE) addInference(document, it);
  for (const it of catalogue.RECORDS) addRecord(document, it);
  addSlot(document);
  addDeadLetter(document);
  addInbox(document);
  return {
    asyncapi: '3.0.0',
    info: infoOf(version),
    defaultContentType: 'application/json',
    servers: { nats: SERVER },
    channels: Object.fromEntries(document.channels),
    operations: Object.fromEntries(document.operations),
    components: {
      messages: Object.fromEntries(document.messages),
      schemas: sorted(parts.named),
      securitySchemes: {
        nkey: { type: 'asymmetricEncryption', description: 'An nkey, or creds: docs/nats.md.' },
        password: { type: 'userPassword' },
        certificate: { type: 'X509' },
      },
    },
  };
}

const infoOf = (version: string): JsonObject => ({
  title: 'Nightshift over NATS',
  version,
  description:
    'Events, commands, questions and requests of Nightshift. Subjects begin with the namespace of the installation, which is ' +
    '`nightshift` if none is configured. Events and commands are CloudEvents 1.0 in structured mode. A fact is stored before ' +
    'it is heard, and may be heard twice: `id` tells. docs/contracts.md shows the use.',
  license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
  tags: [
    { name: 'events', description: 'Facts, for anybody who may watch.' },
    { name: 'commands', description: 'Of operators.' },
    { name: 'questions', description: 'Of operators and viewers, with their answers.' },
    { name: 'inference', description: 'Requests of doors.' },
    { name: 'internal', description: 'Between the parts of Nightshift, or kept for people.' },
  ],
});

const SERVER = {
  host: '127.0.0.1:4222',
  protocol: 'nats',
  description: 'The nats-server that `npm start` brings; or one of your own.',
  security: [
    { $ref: '#/components/securitySchemes/nkey' },
    { $ref: '#/components/securitySchemes/password' },
    { $ref: '#/components/securitySchemes/certificate' },
  ],
};

const text = (description: string) => ({ type: 'string', description });

const EVENT_HEADERS: JsonObject = {
  type: 'object',
  properties: {
    [CONTENT_TYPE_HEADER]: { type: 'string', const: STRUCTURED_TYPE },
    [attributeHeader('id')]: text(
      'Identifies the event; the same each time it comes. Percent-encoded, as all of these.',
    ),
    [attributeHeader('source')]: text('The actor that speaks.'),
    [attributeHeader('type')]: text('The subject without its last token.'),
    [attributeHeader('subject')]: text('The subject, whatever the namespace.'),
    [attributeHeader('time')]: { type: 'string', format: 'date-time' },
    [attributeHeader('traceparent')]: text('W3C Trace Context; absent if there is none.'),
    [TRACE_HEADER]: text('The same, where tools look for it.'),
    [NATS_ID]: text('By which the stream keeps a message that is published twice once.'),
  },
};

function addEnvelope(document: Document, it: catalogue.Channel, action: Action, isBareTaken = false): void {
  const data = partOf(it.name, it.schema, document.parts);
  const type = typeOfSubject(it.address);
  const isOneType = !type.includes('{');
  const properties = { ...(isOneType ? { type: { const: type } } : {}), data };
  const envelope = { allOf: [{ $ref: `${SCHEMAS}CloudEvent` }, { type: 'object', properties, required: ['data'] }] };
  const example = document.examples[type]?.envelope;
  addMessage(document, it.name, {
    ...{ title: it.summary, contentType: isBareTaken ? 'application/json' : STRUCTURED_TYPE },
    headers: isBareTaken ? commandHeaders() : { $ref: `${SCHEMAS}CloudEventHeaders` },
    payload: isBareTaken ? { anyOf: [data, envelope] } : envelope,
    ...examplesOf(example),
  });
  const tag = it.keptIn === STREAMS.events ? 'events' : isBareTaken ? 'commands' : 'internal';
  addChannel(document, { ...it, action, tag });
}

const commandHeaders = () => ({
  type: 'object',
  properties: { [REPLY_TO_HEADER]: text('An inbox on which the outcome is told as well.') },
});

function addQuestion(document: Document, it: catalogue.AskedChannel): void {
  const { answer, schema } = it;
  const isCommand = catalogue.COMMANDS_ASKED.includes(it);
  // The schema of a command is that of its message in CTL; the message is another.
  const name = isCommand ? `${it.name}Asked` : it.name;
  const example = document.examples[it.address];
  const payload = partOf(it.name, schema, document.parts);
  addMessage(document, name, { title: it.summary, payload, ...examplesOf(example?.question) });
  if (!document.messages.has(answer.name)) {
    const answered = partOf(answer.name, answer.schema, document.parts);
    const title = isCommand ? 'The outcome of a command.' : `Answers ${it.address}.`;
    addMessage(document, answer.name, { title, payload: answered, ...examplesOf(example?.answer) });
  }
  const tag = isCommand ? 'commands' : 'questions';
  addChannel(document, { ...it, name, action: 'receive', tag, answers: [answer.name, 'ErrorAnswer'] });
}

function addInference(document: Document, it: InferenceChannel): void {
  const name = `${it.verb.charAt(0).toUpperCase()}${it.verb.slice(1)}Request`;
  addMessage(document, name, {
    title: it.summary,
    contentType: it.question ? 'application/json' : 'application/octet-stream',
    headers: {
      type: 'object',
      properties: Object.fromEntries(it.headers.map((header) => [INFER_HEADERS[header], text(HEADER_WORDS[header])])),
    },
    payload: it.question
      ? partOf(name.replace('Request', 'Question'), it.question, document.parts)
      : it.isImage
        ? { type: 'string', format: 'binary', description: 'A PNG, JPEG or WebP file of at most 4 MiB, or pixels.' }
        : { type: 'string', maxLength: 0 },
  });
  for (const answer of it.answers) {
    const payload =
      answer === PICTURE ? { type: 'string', format: 'binary' } : partOf(answer, ANSWERS[answer]!, document.parts);
    if (!document.messages.has(answer)) addMessage(document, answer, { title: `Answer to ${it.verb}.`, payload });
  }
  const answers = [...it.answers, 'ErrorAnswer'];
  addChannel(document, { ...it, name, action: 'receive', tag: 'inference', answers });
}

function addRecord(document: Document, it: catalogue.Channel): void {
  addMessage(document, it.name, { title: it.summary, payload: partOf(it.name, it.schema, document.parts) });
  addChannel(document, { ...it, action: 'send', tag: 'internal' });
}

function addSlot(document: Document): void {
  const summary = 'A slot of the model has come. A schedule that somebody sets in the server by hand ends here.';
  addMessage(document, 'Slot', { title: summary, payload: { type: 'object' } });
  const address = slotSubject('{model}');
  addChannel(document, { address, summary, name: 'Slot', action: 'receive', tag: 'commands', keptIn: STREAMS.timers });
}

const LETTER_WORDS: Readonly<Record<keyof typeof DEAD_LETTER_HEADERS, string>> = {
  code: 'Of docs/errors.md.',
  error: 'One sentence.',
  subject: 'Of the message.',
  stream: 'Where it was.',
  sequence: 'Its place there.',
  deliveries: 'How often it was delivered.',
  time: 'When it was stored first.',
  truncated: 'The full size in bytes, if the body was cut.',
};

function addDeadLetter(document: Document): void {
  const summary = 'A message that nobody could handle: its bytes, its headers, and why.';
  // The keys of the table, which entries() loses.
  const words = Object.entries(LETTER_WORDS) as [keyof typeof DEAD_LETTER_HEADERS, string][];
  addMessage(document, 'DeadLetter', {
    ...{ title: summary, contentType: 'application/octet-stream' },
    headers: {
      type: 'object',
      properties: Object.fromEntries(words.map(([name, told]) => [DEAD_LETTER_HEADERS[name], text(told)])),
    },
    payload: { type: 'string', format: 'binary' },
  });
  const address = deadLetterSubject('{stream}', '{consumer}');
  addChannel(document, { address, summary, name: 'DeadLetter', action: 'send', tag: 'internal', keptIn: STREAMS.dlq });
}

/** The reply subject of the asker; every answer comes there. */
function addInbox(document: Document): void {
  addMessage(document, 'ErrorAnswer', {
    title: 'The question could not be answered.',
    headers: {
      type: 'object',
      properties: Object.fromEntries(
        (['errorStatus', 'errorText', 'retryAfterMs'] as const).map((it) => [
          INFER_HEADERS[it],
          text(HEADER_WORDS[it]),
        ]),
      ),
    },
    payload: partOf('ErrorAnswer', ErrorAnswerSchema, document.parts),
  });
  const answers = [...INFERENCE.flatMap((it) => it.answers), 'ErrorAnswer'];
  const asked = [...catalogue.QUESTIONS_ASKED, ...catalogue.COMMANDS_ASKED].map(({ answer }) => answer.name);
  const names = [...new Set([...asked, ...answers])];
  document.channels.set(INBOX, {
    address: null,
    description: 'The inbox of the asker, as its client makes one for each connection.',
    messages: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }])),
  });
}

const addMessage = ({ messages }: Document, name: string, message: JsonObject) =>
  messages.set(name, { name, ...message });

const examplesOf = (payload: unknown): JsonObject => (payload === undefined ? {} : { examples: [{ payload }] });

type Action = 'send' | 'receive';
interface Added {
  readonly address: string;
  readonly summary: string;
  readonly name: string;
  readonly action: Action;
  readonly tag: string;
  readonly keptIn?: string;
  readonly answers?: readonly string[];
}

/** The channel is called by its address without the namespace and the parameters. */
function addChannel({ channels, operations }: Document, it: Added): void {
  const { address, summary, name, action, answers, keptIn } = it;
  const id = idOf(address);
  const parameters = [...address.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter!);
  const described = parameters.map((parameter) => [parameter, { description: catalogue.PARAMETERS[parameter]! }]);
  channels.set(id, {
    ...{ address, summary },
    ...(keptIn === undefined ? {} : { description: `Kept in ${keptIn}.` }),
    messages: { [name]: { $ref: `#/components/messages/${name}` } },
    ...(described.length > 0 ? { parameters: Object.fromEntries(described) } : {}),
  });
  operations.set(`${action}.${id}`, {
    ...{ action, summary },
    channel: { $ref: `#/channels/${id}` },
    messages: [{ $ref: `#/channels/${id}/messages/${name}` }],
    tags: [{ name: it.tag }],
    ...(answers ? { reply: replyOf(answers) } : {}),
  });
}

const idOf = (address: string): string => {
  const tokens = address
    .replace(/^\$KV\.nightshift_(\w+)/, 'nightshift.record.$1')
    .split('.')
    .slice(1);
  return tokens.filter((token) => !token.startsWith('{')).join('.');
};

const replyOf = (answers: readonly string[]) => ({
  channel: { $ref: `#/channels/${INBOX}` },
  messages: answers.map((name) => ({ $ref: `#/channels/${INBOX}/messages/${name}` })),
});
