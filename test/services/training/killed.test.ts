/** A training whose process is killed with -9 again and again ends with the same bytes as one that nobody disturbed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withFolder } from '../../support/folder.ts';

const PROCESS = fileURLToPath(new URL('./killed.process.ts', import.meta.url));

interface Life {
  /** The step of each checkpoint that was saved. */
  readonly saved: readonly number[];
  readonly digest: string | null;
  readonly signal: string | null;
}

/** Runs the training, which is killed at the end of pass `killAt`. */
async function live(folder: string, killAt = 0): Promise<Life> {
  const child = spawn(process.execPath, ['--import', 'tsx', PROCESS, folder, String(killAt)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  const saved: number[] = [];
  let digest: string | null = null;
  for await (const line of createInterface(child.stdout)) {
    const [word, value] = line.split(' ');
    if (word === 'saved') saved.push(Number(value));
    if (word === 'done') digest = value!;
  }
  return { saved, digest, signal: (await exited)[1] };
}

test('training: killed with -9 three times, it ends with the same SHA-256 as undisturbed', () =>
  withFolder((quiet) =>
    withFolder(async (disturbed) => {
      const undisturbed = await live(quiet);
      let reached = 0;
      for (const killAt of [3, 15, 30]) {
        const life = await live(disturbed, killAt);
        assert.equal([life.signal, life.digest], ['SIGKILL', null]);
        assert.ok(
          life.saved.every((step) => step > reached),
          `saved ${life.saved.join(', ')} after ${reached}: it began too early`,
        );
        reached = life.saved.at(-1) ?? reached;
      }
      assert.ok(reached > 0, 'no checkpoint was ever saved');
      const last = await live(disturbed);
      assert.is(last.digest, undisturbed.digest);
      assert.match(last.digest!, /^[0-9a-f]{64}$/);
    }),
  ));

test.run();
