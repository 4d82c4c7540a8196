/**
 * Completion for shells: names of commands and flags, taken from the program itself. The script is static, so that pressing
 * the tab key starts no process. Pure.
 */
import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface Words {
  /** The commands before it, such as `run show`; empty: the program. */
  readonly path: string;
  readonly words: readonly { readonly word: string; readonly about: string }[];
}

/** What may follow each command. */
function wordsOf(command: Command, path: readonly string[] = []): Words[] {
  const visible = command.createHelp().visibleCommands(command);
  const flags = [...command.options].flatMap(({ long, description }) =>
    long ? [{ word: long, about: description }] : [],
  );
  const names = visible.map((it) => ({ word: it.name(), about: it.description() }));
  const inner = visible.filter((it) => it.name() !== 'help').flatMap((it) => wordsOf(it, [...path, it.name()]));
  return [{ path: path.join(' '), words: [...names, ...flags] }, ...inner];
}

/** To be read by the shell, as docs/operations.md says for each. */
export function completionScript(program: Command, shell: Shell): string {
  const all = wordsOf(program);
  const globals = all[0]!.words.filter(({ word }) => word.startsWith('--')); // The program comes first.
  const withGlobals = all.map(({ path, words }) => ({ path, words: path === '' ? words : [...words, ...globals] }));
  return shell === 'fish' ? fish(program.name(), withGlobals) : bourne(program.name(), withGlobals, shell);
}

/** Zsh reads the completions of bash. */
function bourne(name: string, all: readonly Words[], shell: 'bash' | 'zsh'): string {
  const cases = all.map(({ path, words }) => `    '${path}') words='${words.map(({ word }) => word).join(' ')}' ;;`);
  const known = all.map(({ path }) => `'${path}'`).join('|');
  const lines = [
    ...(shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit'] : []),
    `_${name}() {`,
    "  local path='' word words=''",
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    local next="${path:+$path }$word"',
    `    case "$next" in ${known}) path="$next" ;; esac`,
    '  done',
    '  case "$path" in',
    ...cases,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    '}',
    `complete -o default -F _${name} ${name}`,
  ];
  return `${lines.join('\n')}\n`;
}

function fish(name: string, all: readonly Words[]): string {
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = all.flatMap(({ path, words }) => {
    const names = all.filter((it) => it.path.startsWith(path === '' ? '' : `${path} `) && it.path !== path);
    const deeper = [...new Set(names.map((it) => it.path.slice(path === '' ? 0 : path.length + 1).split(' ')[0]!))];
    const seen =
      path === ''
        ? ''
        : path
            .split(' ')
            .map((it) => `__fish_seen_subcommand_from ${it}`)
            .join('; and ');
    const unseen = deeper.length === 0 ? '' : `not __fish_seen_subcommand_from ${deeper.join(' ')}`;
    const condition = [seen, unseen].filter((it) => it !== '').join('; and ');
    return words.map(({ word, about }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
      return `complete -c ${name}${condition === '' ? '' : ` -n ${quoted(condition)}`} ${what} -d ${quoted(about)}`;
    });
  });
  return `${lines.join('\n')}\n`;
}
