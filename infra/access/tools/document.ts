/**
 * `npm run docs:security` writes the table of rights into docs/security.md, between two marks; the rest of the page is
 * written by hand. With `--check` it writes nothing and fails if the page has drifted from permissions.ts.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { inboxPrefixOf, ROLES, type Role } from '../../../contracts/roles.ts';
import { ATTEMPTS } from '../attempts.ts';
import { NAMESPACE_DEFAULT, wireInbox } from '../../topology/namespace.ts';
import { PERMISSIONS, wirePermissions } from '../permissions.ts';

export const PAGE = join(import.meta.dirname, '../../../docs/security.md');
const BEGIN = '<!-- rights: npm run docs:security writes what stands here -->';
const END = '<!-- end of the rights -->';

/** The page as it should be. */
export async function withRights(page: string): Promise<string> {
  const [before, rest] = split(page, BEGIN);
  const [, after] = split(rest, END);
  const text = `${before}${BEGIN}\n\n${matrix()}\n\n${ROLES.map(section).join('\n\n')}\n\n${END}${after}`;
  return format(text, { ...(await resolveConfig(PAGE)), filepath: PAGE });
}

function split(text: string, mark: string): readonly [string, string] {
  const at = text.indexOf(mark);
  if (at < 0) throw new Error(`docs/security.md has no line ${mark}`);
  return [text.slice(0, at), text.slice(at + mark.length)];
}

function matrix(): string {
  const rows = ATTEMPTS.map(({ attempt, allowed }) => `| ${attempt} | ${allowed.join(', ') || 'nobody'} |`);
  return ['| Attempt | By |', '| --- | --- |', ...rows].join('\n');
}

function section(role: Role): string {
  const { publish, subscribe, answersMs } = wirePermissions(NAMESPACE_DEFAULT, PERMISSIONS[role]);
  const listens = subscribe.filter((it) => it !== `${wireInbox(NAMESPACE_DEFAULT, inboxPrefixOf(role))}.>`);
  return [
    `#### ${role}`,
    `Publishes:`,
    list(publish),
    ...(listens.length > 0 ? ['Subscribes, beside its inbox:', list(listens)] : ['Subscribes its inbox alone.']),
    ...(answersMs === null ? [] : [`Answers each message that it receives once, within ${answersMs / 1000} s.`]),
  ].join('\n\n');
}

const list = (subjects: readonly string[]) => ['```text', ...subjects, '```'].join('\n');

async function main(check: boolean): Promise<void> {
  const page = readFileSync(PAGE, 'utf8');
  const wanted = await withRights(page);
  if (!check) return writeFileSync(PAGE, wanted);
  if (page === wanted) return;
  console.error('docs/security.md differs from infra/access/permissions.ts: run `npm run docs:security`');
  process.exitCode = 1;
}

if (process.argv[1] === import.meta.filename) await main(process.argv.includes('--check'));
