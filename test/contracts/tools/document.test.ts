/** The documents in docs/ for programs that are not ours: whole, valid, and not drifted from the contracts. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Parser } from '@asyncapi/parser';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ENDPOINTS } from '../../../contracts/api.ts';
import { parseSubject } from '../../../contracts/parse-subject.ts';
import { CTL } from '../../../contracts/subjects.ts';
import { contractFiles, readEventExamples } from '../../../contracts/tools/document.ts';
import { TYPES } from '../../../contracts/tools/catalogue.ts';
import { readExamples } from '../../../contracts/tools/api-page.ts';

const DOCS = join(import.meta.dirname, '../../../docs');
const files = contractFiles();
const parsed = <T extends object>(path: string) => JSON.parse(files.get(path)!) as T;

interface AsyncApi {
  readonly channels: Readonly<
    Record<string, { readonly address: string | null; readonly messages: Readonly<Record<string, unknown>> }>
  >;
  readonly operations: Readonly<Record<string, { readonly action: string; readonly reply?: object }>>;
}
const document = parsed<AsyncApi>('asyncapi.json');

test('contracts: no file in docs/ has drifted', () => {
  for (const [path, text] of files) {
    assert.ok(existsSync(join(DOCS, path)), path);
    assert.ok(readFileSync(join(DOCS, path), 'utf8') === text, `${path}: npm run docs:contracts`);
  }
});

test('contracts: the AsyncAPI parser has nothing to say about the document', async () => {
  const { document: read, diagnostics } = await new Parser().parse(files.get('asyncapi.json')!);
  assert.equal(
    diagnostics
      .filter(({ severity }) => severity <= WARNING)
      .map(({ message, path }) => `${path.join('.')}: ${message}`),
    [],
  );
  assert.is(read?.version(), '3.0.0');
  assert.is(read?.channels().all().length, Object.keys(document.channels).length);
});
/** Of errors and warnings; below are hints, such as that there is a newer AsyncAPI. */
const WARNING = 1;

test('contracts: every channel is a subject that is known, and every endpoint and command is a channel', () => {
  const addresses = Object.values(document.channels).flatMap(({ address }) => address ?? []);
  const example = (address: string) => address.replaceAll(/\{(\w+)\}/g, (_, name: string) => EXAMPLES[name] ?? 'x');
  const own = addresses.filter((address) => address.startsWith('nightshift.'));
  const unknown = own.filter((address) => parseSubject(example(address)).family === 'unknown');
  assert.equal(unknown, []);
  assert.is(new Set(addresses).size, addresses.length);
  for (const subject of [...Object.keys(ENDPOINTS), ...Object.values(CTL)])
    assert.ok(addresses.includes(subject), subject);
  const asked = Object.values(document.operations).filter(({ reply }) => reply);
  assert.ok(asked.length >= Object.keys(ENDPOINTS).length);
});
const EXAMPLES: Readonly<Record<string, string>> = { seq: '7', command: 'pipeline.start', action: 'pipeline.start' };

/** As a program would that has one file and nothing else. */
const checkers = new Map<string, Ajv2020>();
function validatorOf(path: string, part = '') {
  const schema = parsed<{ readonly $id: string }>(path);
  const ajv = checkers.get(path) ?? new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  if (!checkers.has(path)) ajv.addSchema(schema);
  checkers.set(path, ajv);
  return ajv.getSchema(`${schema.$id}${part}`)!;
}

test('contracts: each schema compiles alone, at its address', () => {
  const paths = [...files.keys()].filter((path) => path.startsWith('schemas/'));
  assert.ok(paths.length >= 7);
  for (const path of paths) assert.type(validatorOf(path), 'function', path);
});

test('contracts: recorded messages fit the schema of their kind, and a wrong one does not', () => {
  const kinds = { evt: 'events', ctl: 'commands', cmd: 'work' } as const;
  const recorded = Object.entries(readEventExamples());
  assert.ok(recorded.length > TYPES.length / 3, `${recorded.length} of ${TYPES.length} types`);
  for (const [kind, name] of Object.entries(kinds)) {
    const fits = validatorOf(`schemas/${name}.schema.json`);
    const of = recorded.filter(([type]) => type.split('.')[1] === kind);
    assert.ok(of.length > 0, kind);
    for (const [type, envelope] of of) {
      assert.ok(fits(envelope), `${type}: ${JSON.stringify(fits.errors)}`);
      assert.not.ok(fits({ ...(envelope as object), data: 'nothing' }), type);
      assert.not.ok(fits({ ...(envelope as object), id: 7 }), type);
    }
  }
});

test('contracts: recorded questions and answers fit the schemas of their names', () => {
  for (const [subject, { question, answer }] of Object.entries(readExamples())) {
    const channel = document.channels[subject.replace('nightshift.', '')]!;
    const [message] = Object.keys(channel.messages);
    const name = message!.replace(/Asked$/, '');
    const fits = validatorOf('schemas/api.schema.json', `#/$defs/${name}`);
    assert.ok(fits(question), `${subject}: ${JSON.stringify(fits.errors)}`);
    const answered = name.endsWith('Question') ? name.replace(/Question$/, 'Answer') : 'Outcome';
    const answerFits = validatorOf('schemas/api.schema.json', `#/$defs/${answered}`);
    assert.ok(answerFits(answer), `${subject}: ${JSON.stringify(answerFits.errors)}`);
    assert.not.ok(answerFits('nothing'), subject);
  }
});
test.run();
