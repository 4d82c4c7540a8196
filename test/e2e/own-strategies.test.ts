/** A night whose source, training and deployment are modules of one's own, named relative to the configuration file. */
import { copyFile, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { RunEnd } from '../../cli/follow.ts';
import type { LearningCurve } from '../../contracts/training.ts';
import { runCli, serverOf, withCli } from '../support/cli.ts';
import { withFolder, writeDrawnPeople } from '../support/folder.ts';
import { LENIENT_GATES, lenientIn } from '../support/lenient.ts';

const ROOT = join(import.meta.dirname, '../..');
const PEOPLE = 4;
const SHOTS = 6;

const modelOf = (list: string, training: object, lenient: object) => ({
  ...lenient,
  sources: [{ type: 'module', name: 'archive', module: './own/list-source.mjs', options: { list } }],
  image: { width: 32, height: 32 },
  split: { strategy: 'first-n', train: 4 },
  training: { strategy: training },
  verification: {
    gates: LENIENT_GATES,
    performanceRequests: 10,
  },
  deployment: { strategy: { module: './own/deployment.mjs' }, guardMs: 0, guardLatencyP99MsMax: 10_000 },
});

test('own strategies: a night with them ends in service; one that is absent fails its stage and says so', () =>
  withFolder(async (folder) => {
    const [own, list] = [join(folder, 'own'), join(folder, 'faces/people.csv')];
    await writeDrawnPeople(join(folder, 'faces'), PEOPLE, SHOTS);
    const lines = (await listOf(join(folder, 'faces'))).map((path) => `${path},${path.split('/')[0]}\n`);
    await writeFile(list, lines.join(''));
    await placeOwn(own);
    const lenient = await lenientIn(folder);
    const models = {
      face: modelOf(list, { module: './own/training.mjs', options: { epochs: 2 } }, lenient),
      broken: modelOf(list, { module: './own/absent.mjs' }, lenient),
    };
    const store = { NIGHTSHIFT_STORE: join(folder, 'store') };
    const file = join(folder, 'nightshift.config.json');
    await writeFile(file, JSON.stringify({ nats: { port: 0 }, log: { level: 'warn' }, models }));
    // From another folder: what is relative is relative to the file.
    await withFolder((cwd) =>
      withCli(['--config', file, 'start'], { cwd, env: store }, async (system) => {
        const env = { ...store, NATS_URL: await serverOf(system) };
        const night = await runCli(['run', 'face', '--json'], { cwd, env });
        const end = JSON.parse(night.stdout) as RunEnd;
        assert.is(end.fact, 'completed', night.stderr + system.output());
        const curve = await runCli(['curve', end.runId, '--json'], { cwd, env });
        assert.is((JSON.parse(curve.stdout) as LearningCurve).points.length, 2, 'as its options say');
        const failed = JSON.parse((await runCli(['run', 'broken', '--json'], { cwd, env })).stdout) as RunEnd;
        assert.equal([failed.fact, failed.failure?.code], ['failed', 'STRATEGY_UNAVAILABLE']);
        assert.match(failed.failure!.message, `the module ${join(own, 'absent.mjs')} cannot be loaded`);
        system.kill('SIGINT');
        await system.exited;
      }),
    );
  }));

/** Beside a node_modules in which they find the package, as those of a user do. */
async function placeOwn(own: string): Promise<void> {
  await mkdir(join(own, 'node_modules'), { recursive: true });
  await symlink(ROOT, join(own, 'node_modules/nightshift'));
  for (const name of ['training.mjs', 'deployment.mjs'])
    await copyFile(join(ROOT, 'test/support/own', name), join(own, name));
  await copyFile(join(ROOT, 'examples/list-source.mjs'), join(own, 'list-source.mjs'));
}

async function listOf(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => name.endsWith('.png')).sort();
}

test.run();
