/**
 * The code blocks of all documents, and the simple commands in those that a shell would read. A block is known by its
 * document and the beginning of its first line, so that a changed command has to be looked at again.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../../..');
const FOLDERS = ['.', 'docs', 'docs/decisions', 'deploy', 'examples', 'examples/badge-digits'];
const SHELLS = ['sh', 'bash', 'console', 'shell'];

export interface Block {
  /** Path from the root. */
  readonly document: string;
  /** Of its first line of text, from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** Named by a comment before it, `<!-- file: name -->`: what a reader writes into that file. */
  readonly file: string | null;
}

export const documents: readonly string[] = FOLDERS.filter((folder) => existsSync(join(ROOT, folder))).flatMap(
  (folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
);

export const textOf = (document: string) => readFileSync(join(ROOT, document), 'utf8');

const FENCE = /(?:^<!-- file: (\S+) -->\n+)?^```(\w*)\n([\s\S]*?)^```$/gm;

export function blocksIn(document: string): readonly Block[] {
  const text = textOf(document);
  return [...text.matchAll(FENCE)].map((found) => {
    const [whole, file, language, body] = found;
    const opening = text.slice(0, found.index + whole.length - body!.length - '```'.length);
    return {
      ...{ document, language: language!, text: body!, file: file ?? null },
      line: opening.split('\n').length,
    };
  });
}

export const isShell = ({ language }: Block) => SHELLS.includes(language);

export const shellBlocks: readonly Block[] = documents.flatMap(blocksIn).filter(isShell);

/** Exactly one, or the list of blocks is not what the documents say. */
export function blockOf(document: string, begins: string): Block {
  const found = shellBlocks.filter((it) => it.document === document && it.text.startsWith(begins));
  if (found.length === 1) return found[0]!;
  throw new Error(`${document} has ${found.length} command blocks that begin with "${begins}"`);
}

/** In the place of a word in angle brackets. */
const SAMPLES: Readonly<Record<string, string>> = {
  ...{ seq: '1', n: '1', release: '1', count: '1', stage: 'verify', state: 'failed', shell: 'bash' },
  ...{ model: 'face', person: 'ada', image: 'face.png', name: 'trainer' },
};

export const withSamples = (text: string, samples: Readonly<Record<string, string>> = SAMPLES) =>
  text.replaceAll(/<([a-z][\w.-]*)>/gi, (_, name: string) => samples[name] ?? name);

/** The words of each simple command, as a shell would have them; redirections are left out. */
export function commandsIn(script: string): readonly (readonly string[])[] {
  const commands: string[][] = [[]];
  const tokens = withSamples(script).matchAll(TOKEN);
  let isTarget = false;
  for (const { groups } of tokens) {
    if (groups!['end'] !== undefined) commands.push([]);
    else if (groups!['redirection'] !== undefined) isTarget = true;
    else if (groups!['word'] !== undefined) {
      if (!isTarget) commands.at(-1)!.push(bare(groups!['word']));
      isTarget = false;
    }
  }
  return commands.map(withoutSettings).filter((words) => words.length > 0);
}

/** A comment, a line that goes on, the end of a command, a redirection, or a word with its quotes and substitutions. */
const TOKEN =
  /(?<comment>(?<=^|\s)#[^\n]*)|\\\n|(?<end>[\n;|&]+)|(?<redirection>\d?>>?|<)|(?<word>(?:'[^']*'|"(?:\\.|[^"\\])*"|\$\([^)]*\)|\\[^\n]|[^\s;|&<>'"\\])+)/gm;

const bare = (word: string) => word.replaceAll(/'([^']*)'|"((?:\\.|[^"\\])*)"/g, (_, a, b) => a ?? b);

/** Without `NAME=value` in front. */
function withoutSettings(words: readonly string[]): readonly string[] {
  const first = words.findIndex((word) => !/^\w+=/.test(word));
  return first === -1 ? [] : words.slice(first);
}
