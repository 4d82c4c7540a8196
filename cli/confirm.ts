/** A question before something is changed, on a terminal; elsewhere `--yes` has to answer it. */
import { createInterface } from 'node:readline/promises';
import { PipelineError } from '../contracts/errors.ts';

/** Throws CANCELLED for any answer but yes, CONFIG_INVALID where there is nobody to answer. */
export async function confirm(command: string, question: string): Promise<void> {
  if (!process.stdin.isTTY) {
    const hint = 'add --yes, or --dry-run to look first; nobody can be asked here';
    throw new PipelineError('CONFIG_INVALID', `${command}: ${hint}`);
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${question} [yes/no] `);
  terminal.close();
  if (answer.trim() !== 'yes') throw new PipelineError('CANCELLED', 'nothing was changed');
}
