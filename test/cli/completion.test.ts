/** The completion scripts, read by bash itself: what it offers after some words. */
import { execFileSync } from 'node:child_process';
import { Command } from 'commander';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { completionScript } from '../../cli/completion.ts';

function program(): Command {
  const nightshift = new Command('nightshift').option('--config <file>', "the operator's file");
  const run = nightshift.command('run').description('start a run, or show one');
  run.command('start').option('--detach', 'do not follow');
  run.command('show').option('--json', 'as JSON');
  nightshift.command('runs').option('--limit <n>', 'how many');
  return nightshift;
}

/** What bash offers with the tab key behind the last word. */
function offered(...words: readonly string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(' ');
  const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _nightshift; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const script = `${completionScript(program(), 'bash')}\n${ask}`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
}

test('completion: bash offers commands, then what belongs to them, and the global flags everywhere', () => {
  assert.equal(offered('nightshift', 'ru'), ['run', 'runs']);
  assert.equal(offered('nightshift', 'run', 's'), ['start', 'show']);
  assert.equal(offered('nightshift', 'run', 'show', '--'), ['--json', '--config']);
  assert.equal(offered('nightshift', 'runs', '--'), ['--limit', '--config']);
  assert.equal(offered('nightshift', '--config', 'x.json', 'run', 'start', '--d'), ['--detach']);
});

test('completion: zsh reads that of bash, and fish has its own', () => {
  const zsh = completionScript(program(), 'zsh');
  assert.match(zsh, /^autoload -U \+X bashcompinit && bashcompinit\n_nightshift\(\)/);
  const fish = completionScript(program(), 'fish').split('\n');
  assert.ok(fish.includes("complete -c nightshift -n 'not __fish_seen_subcommand_from run runs' -f -a runs -d ''"));
  assert.ok(fish.includes("complete -c nightshift -n '__fish_seen_subcommand_from runs' -l limit -d 'how many'"));
  assert.ok(fish.some((line) => line.endsWith("-d 'the operator\\'s file'")));
});

test.run();
