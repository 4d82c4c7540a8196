/**
 * The documents keep their own rules: the size of the README, links and file names that lead somewhere, subjects that
 * exist, words with one meaning, sentences that name their subject.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  API,
  APPROVAL_VERBS,
  COMMAND_VERBS,
  CTL,
  DEAD_LETTER_FACTS,
  GALLERY_VERBS,
  INFER_VERBS,
  JANITOR_FACTS,
  PEOPLE_VERBS,
  PIPELINE_FACTS,
  REPLICA_FACTS,
  SCHEDULE_FACTS,
  WORK_FACTS,
  WORK_STAGES,
} from '../contracts/subjects.ts';

const ROOT = join(import.meta.dirname, '..');
const README_LINES_MAX = 120;
const README_WIDTH_MAX = 120;

interface Page {
  /** From the root. */
  readonly path: string;
  readonly text: string;
}

const markdownIn = (folder: string) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
const pages: readonly Page[] = [...markdownIn('.'), ...markdownIn('docs'), ...markdownIn('docs/decisions')].map(
  (path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }),
);
const page = (path: string) => pages.find((it) => it.path === path)!.text; // Each is asked for by a name that is there.

test('documents: the README fits on its page', () => {
  const lines = page('README.md').trimEnd().split('\n');
  assert.ok(lines.length <= README_LINES_MAX, `${lines.length} lines`);
  const wide = lines.filter((line) => line.length > README_WIDTH_MAX && !line.startsWith('|'));
  assert.equal(wide, []);
});

test('documents: every link leads somewhere', () => {
  const broken = pages.flatMap(({ path, text }) =>
    linksIn(text)
      .filter((link) => !leadsSomewhere(path, link))
      .map((link) => `${path}: ${link}`),
  );
  assert.equal(broken, []);
});

test('documents: every page of docs/ is in its index', () => {
  const index = linksIn(page('docs/README.md'));
  const lost = markdownIn('docs').filter(
    (path) => path !== 'docs/README.md' && !index.includes(path.slice('docs/'.length)),
  );
  assert.equal(lost, []);
});

test('documents: security.md names a test of each of the fourteen attacks, which is there', () => {
  const rows = [...page('docs/security.md').matchAll(/^\| (\d+) +\| .* \| (`test\/.*\.test\.ts`) +\|$/gm)];
  assert.equal(
    rows.map(([, number]) => Number(number)),
    Array.from({ length: 14 }, (_, index) => index + 1),
  );
  const tests = rows.flatMap(([, , list]) => list!.split(', ').map((it) => it.replaceAll('`', '')));
  assert.equal(
    tests.filter((path) => !existsSync(join(ROOT, path))),
    [],
  );
});

test('documents: every file that ARCHITECTURE.md and CONTRIBUTING.md name is there', () => {
  const named = ['ARCHITECTURE.md', 'CONTRIBUTING.md'].flatMap((path) =>
    [...page(path).matchAll(/`([a-z]+\/[A-Za-z0-9/._-]+)`/g)].map(([, file]) => `${path}: ${file!}`),
  );
  assert.ok(named.length > 40);
  assert.equal(
    named.filter((it) => !existsSync(join(ROOT, it.split(': ')[1]!))),
    [],
  );
});

test('documents: every subject that is named is one of ours', () => {
  const foreign = pages
    .filter(({ path }) => !mayHaveOldNames(path))
    .flatMap(({ path, text }) => subjectsIn(text).map((subject) => ({ path, subject })))
    .filter(({ subject }) => !isOurs(subject))
    .map(({ path, subject }) => `${path}: ${subject}`);
  assert.equal(foreign, []);
});

test('documents: a stage is named by its verb, and the data plane by its first token', () => {
  const before = /\b(?:collection|training|verification|deployment)\.(?:start|cancel|completed|failed|cancelled)\b/;
  const bare = /(?<!nightshift\.)\binfer\.(?:face|<model>)/;
  assert.equal(
    pages
      .filter(({ path, text }) => !mayHaveOldNames(path) && (before.test(text) || bare.test(text)))
      .map(({ path }) => path),
    [],
  );
});

test('documents: an epoch is a pass of training, so nothing that serves is called one', () => {
  const others = pages.filter(({ path }) => !mayHaveOldNames(path));
  const wrong = /\b(?:previous|new|retained|committed|serving) epoch\b|\bepoch number|Min-Epoch/i;
  assert.equal(
    others.filter(({ text }) => wrong.test(text)).map(({ path }) => path),
    [],
  );
});

test('documents: a sentence names its subject: none begins with What, Who, Whoever or One that', () => {
  const nameless = pages.flatMap(({ path, text }) =>
    withoutCode(text)
      .split('\n')
      .filter((line) => NAMELESS.test(line))
      .map((line) => `${path}: ${line}`),
  );
  assert.equal(nameless, []);
  for (const line of ['What is left.', 'It ends. Whoever asks', '- One that fails', '| What to do |', '## What it is'])
    assert.match(line, NAMELESS);
  assert.not.match('It says what is left, and who asked.', NAMELESS);
});

/** At the start of a line, a list's item, a heading, a cell of a table, or after the end of a sentence. */
const NAMELESS = /(?:^\s*(?:[-*#]+\s+|\d+\.\s+)?|[.!?:]\s+|\|\s*|\*\*)(?:What|Who|Whom|Whoever|Whatever|One that)\b/;

/** The history of names has the old ones. */
const mayHaveOldNames = (path: string) => path === 'CHANGELOG.md' || path.endsWith('/0014-words-of-0.2.0.md');

/** Blocks of code stay as empty lines. */
const withoutCode = (text: string) => text.replaceAll(/^```[\s\S]*?^```/gm, '');

const linksIn = (text: string) => [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);

function leadsSomewhere(from: string, link: string): boolean {
  if (/^https?:/.test(link)) return true;
  const [file = '', anchor] = link.split('#');
  const path = file === '' ? from : join(dirname(from), file);
  if (!existsSync(join(ROOT, path))) return false;
  return anchor === undefined || anchorsIn(readFileSync(join(ROOT, path), 'utf8')).includes(anchor);
}

/** As GitHub makes them of headings. */
const anchorsIn = (text: string) =>
  [...withoutCode(text).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );

/** Of all families but the dead letters' and the enrolments', which end in names of others. Also with places such as `<run>` or wildcards in them; a sentence's full stop does not belong to one. */
const subjectsIn = (text: string) =>
  [...text.matchAll(/nightshift\.(?:ctl|cmd|evt|timer|dlq|enrol|api|infer)\.[A-Za-z0-9_.*<> -]*?(?=[`'"\s)|,;:/]|$)/gm)]
    .map(([subject]) => subject.replace(/\.$/, ''))
    .filter((subject) => subject.split('.').length > 2);

/** For each family, the fixed tokens after `nightshift.<family>`. */
const FACTS = [
  ...WORK_STAGES.flatMap((stage) => WORK_FACTS.map((fact) => `${stage}.${fact}`)),
  ...REPLICA_FACTS.map((fact) => `replica.${fact}`),
  ...PIPELINE_FACTS.map((fact) => `pipeline.${fact}`),
  ...SCHEDULE_FACTS.map((fact) => `schedule.${fact}`),
  ...['model.deployed', 'model.rolled-back', 'operator.accepted', 'operator.refused'],
  ...DEAD_LETTER_FACTS.map((fact) => `dlq.${fact}`),
  ...JANITOR_FACTS.map((fact) => `janitor.${fact}`),
  ...WORK_STAGES.flatMap((stage) => [`${stage}.swept`, `${stage}.held-back`]),
];
const COMMANDS = Object.values(CTL).map((subject) => subject.replace('nightshift.ctl.', ''));
const QUESTIONS = Object.values(API).map((subject) => subject.replace('nightshift.api.', ''));
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  ctl: COMMANDS,
  api: [...QUESTIONS, ...COMMANDS],
  cmd: [
    ...WORK_STAGES.flatMap((stage) => COMMAND_VERBS.map((verb) => `${stage}.${verb}`)),
    'janitor.forget',
    'janitor.sweep',
  ],
  evt: FACTS,
  timer: ['at', 'fire', 'slot', 'cron'],
  infer: [...INFER_VERBS, ...GALLERY_VERBS, ...APPROVAL_VERBS, ...PEOPLE_VERBS].map((verb) => `*.${verb}`),
};

/** A token that stands for any (`*`, `>`, `<run>`) agrees with each; the tokens behind the fixed ones are free. */
function isOurs(subject: string): boolean {
  const [, family = '', ...tokens] = subject.replaceAll(/<[^>]*>/g, '*').split('.');
  const known = KNOWN[family];
  return known === undefined || known.some((name) => agrees(tokens, name.split('.')));
}

const agrees = (tokens: readonly string[], name: readonly string[]) =>
  tokens.every((token, at) => at >= name.length || ['*', '>', token].includes(name[at]!) || ['*', '>'].includes(token));

test.run();
