/** The page of the API: its examples are exchanges that could take place, and it explains what it names. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ENDPOINTS } from '../../../contracts/api.ts';
import { readExamples, renderPage } from '../../../contracts/tools/api-page.ts';

test('docs/api.md: each endpoint has an example, and question and answer fit its schemas', () => {
  const examples = readExamples();
  assert.equal(Object.keys(examples).sort(), Object.keys(ENDPOINTS).sort());
  for (const [subject, { question, answer }] of Object.entries(ENDPOINTS)) {
    const asked = question.safeParse(examples[subject]?.question);
    const answered = answer.safeParse(examples[subject]?.answer);
    assert.ok(asked.success, `${subject}: ${asked.error?.message}`);
    assert.ok(answered.success, `${subject}: ${answered.error?.message}`);
  }
});

test('docs/api.md: every endpoint has its section, and no type is named without being explained', () => {
  const page = renderPage(readExamples());
  for (const subject of Object.keys(ENDPOINTS)) assert.ok(page.includes(`\n### \`${subject}\`\n`), subject);
  // The name that zod gives to a schema which refers to itself and has no name of ours.
  assert.not.match(page, '__schema');
});

test.run();
