/**
 * `npm run docs:excerpt` runs the demo once and writes the lines below of what it printed into the README, with the date and
 * the machine. A demo that fails, or that no longer prints one of the lines, leaves the README as it is.
 */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine, watchMachine } from '../../bench/support/machine.ts';

const ROOT = join(import.meta.dirname, '../..');
const README = join(ROOT, 'README.md');
const BEGIN = '<!-- excerpt: npm run docs:excerpt writes what stands here -->';
const END = '<!-- end of the excerpt -->';

/** Each is the first line of its kind after the one before. */
const WANTED: readonly RegExp[] = [
  /^1\. First night/,
  /^3\. .* newcomers enrol/,
  /^4\. Second night/,
  /^ {2}verify .*blessed/,
  /^ {3}At the door, by release 2/,
  /^5\. A bad night/,
  /^ {3}It ended rejected/,
  /^6\. A worse night/,
  /^ {3}It ended rejected/,
  /^ {3}Release 2 serves on/,
  /^ {3}The model of release 1 serves again/,
  /^│ requests +│ \d+ sent, /,
];

/** Throws if a line is missing. */
export function excerptOf(output: string): string[] {
  const lines = output.split('\n');
  let from = 0;
  return WANTED.map((wanted) => {
    const at = lines.findIndex((line, index) => index >= from && wanted.test(line));
    if (at < 0) throw new Error(`the demo printed no line like ${wanted} after line ${from}`);
    from = at + 1;
    return lines[at]!.trimEnd();
  });
}

/** The README with `lines` between its two marks. */
export function withExcerpt(readme: string, caption: string, lines: readonly string[]): string {
  const [before, rest] = readme.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`README.md lacks ${BEGIN} or ${END}`);
  return `${before}${BEGIN}\n\n${caption}\n\n\`\`\`text\n${lines.join('\n')}\n\`\`\`\n\n${END}${after}`;
}

async function main(): Promise<void> {
  const use = watchMachine();
  const output = await printed('npm', ['run', '--silent', 'demo']);
  const machine = describeMachine(use()).join('');
  const today = new Date().toISOString().slice(0, 10);
  const caption = `Lines of one run (${today}, Node ${process.versions.node}; ${machine}):`;
  writeFileSync(README, withExcerpt(readFileSync(README, 'utf8'), caption, excerptOf(output)));
}

/** Both streams as they come: the story goes to one, the tables to the other. Throws if the program fails. */
async function printed(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      output += text;
      process.stderr.write(text);
    });
  }
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code !== 0) throw new Error(`the demo ended with ${String(code)}`);
  return output;
}

if (process.argv[1] === import.meta.filename) await main();
