/** `npm run lint` finds what it is there for: faults planted in a folder of their own, under the rules of this project. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withFolder } from './support/folder.ts';

const ROOT = join(import.meta.dirname, '..');
const OXLINT = join(ROOT, 'node_modules/oxlint/bin/oxlint');

const WORK = 'const work = async (): Promise<number> => 1;\n';
const STAGE = `type Stage = 'train' | 'verify';\n`;
const UNNAMED = `export function say(stage: Stage): void {\n  switch (stage) {\n    case 'train':\n      console.log(1);\n`;

const PLANTED: readonly [what: string, code: string, rule: string][] = [
  ['a promise that nobody awaits', `${WORK}work();\n`, 'typescript(no-floating-promises)'],
  ['an async function in a timer', `${WORK}setInterval(work, 5);\n`, 'typescript(no-misused-promises)'],
  ['a switch that misses a member', `${STAGE}${UNNAMED}  }\n}\n`, 'typescript(switch-exhaustiveness-check)'],
  [
    'a default that swallows a member',
    `${STAGE}${UNNAMED}      break;\n    default:\n  }\n}\n`,
    'typescript(switch-exhaustiveness-check)',
  ],
];

for (const [what, code, rule] of PLANTED) {
  test(`lint: ${what} fails it`, () => finds(code, [rule]));
}

test('lint: promises that are awaited or marked, and a switch that names every member, pass', () =>
  finds(
    `${WORK}await work();\nvoid work();\n${STAGE}${UNNAMED}      break;\n    case 'verify':\n      console.log(2);\n  }\n}\n`,
    [],
  ));

test('lint: a warning fails it', () => finds('debugger;\n', ['eslint(no-debugger)'], ['--warn', 'no-debugger']));

/** Holds the rules that are broken, and whether the check failed, against `rules`. */
const finds = (code: string, rules: readonly string[], options: readonly string[] = []) =>
  withFolder(async (folder) => {
    const tsconfig = { extends: join(ROOT, 'tsconfig.json'), compilerOptions: { types: [] }, include: ['*.mts'] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig));
    writeFileSync(join(folder, 'planted.mts'), `${TIMER}${code}`);
    // From the root, where the part of oxlint that knows the types is looked for.
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [OXLINT, '--config', '.oxlintrc.json', '--format', 'json', ...options, folder],
      { cwd: ROOT, encoding: 'utf8' },
    );
    assert.is(status, rules.length === 0 ? 0 : 1, stdout + stderr);
    // The JSON format of oxlint.
    const { diagnostics } = JSON.parse(stdout) as { readonly diagnostics: readonly { readonly code: string }[] };
    assert.equal(
      diagnostics.map(({ code: found }) => found),
      rules,
    );
  });

/** Node's declarations, without its types. */
const TIMER = 'declare function setInterval(action: () => void, ms: number): void;\n';

test.run();
