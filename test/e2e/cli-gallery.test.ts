/** `nightshift enroll` and `remove` as an operator types them, against a real replica. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodePng } from '../../services/data/images.ts';
import { runCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { ask, MODEL, withReplicas } from '../support/replicas.ts';
import { tinySplit } from '../support/tiny-data.ts';
import { TINY_IMAGE } from '../support/tiny-model.ts';

/** The gallery of a tiny pair has p0 to p4: the last of six people is a stranger. */
async function strangersImages(): Promise<readonly [Buffer, Buffer]> {
  const { pixels } = tinySplit(6, 12, 21);
  const size = TINY_IMAGE.width * TINY_IMAGE.height;
  const image = (fromEnd: number) => pixels.slice(pixels.length - fromEnd * size, pixels.length - (fromEnd - 1) * size);
  return [await encodePng(image(2), TINY_IMAGE), await encodePng(image(1), TINY_IMAGE)];
}

test('cli: enroll and remove change who is recognised, and say what they did, also as JSON', () =>
  withFolder((cwd) =>
    withReplicas(async (context) => {
      await context.start('r1');
      await context.deploy({ runId: 'run1' });
      const [first, second] = await strangersImages();
      await writeFile(join(cwd, 'first.png'), first);
      await writeFile(join(cwd, 'second.png'), second);
      const command = (...args: string[]) => runCli(args, { cwd, env: { NATS_URL: context.test.url } });

      const enrolled = await command('enroll', MODEL, 'Ada Lovelace', 'first.png');
      assert.equal([enrolled.code, enrolled.stderr], [0, '']);
      assert.match(enrolled.stdout, /^face: "Ada Lovelace" is enrolled with 1 image\(s\), change \d+\n$/);
      assert.is((await ask(context.nc, 'identify', first)).body.person, 'Ada Lovelace');
      const more = await command('enroll', MODEL, 'Ada Lovelace', 'first.png', 'second.png', '--json');
      assert.is(JSON.parse(more.stdout).images, 2, 'the same image counts once');

      const removed = await command('remove', MODEL, 'Ada Lovelace', '--json');
      assert.is(removed.code, 0, removed.stderr);
      assert.is(JSON.parse(removed.stdout).person, 'Ada Lovelace');
      assert.is.not((await ask(context.nc, 'identify', first)).body.person, 'Ada Lovelace');
    }),
  ));

test('cli: enroll refuses a missing file and a file that is no image, and says where no replica runs', () =>
  withFolder((cwd) =>
    withReplicas(async (context) => {
      await writeFile(join(cwd, 'notes.png'), 'no image');
      const command = (...args: string[]) => runCli(args, { cwd, env: { NATS_URL: context.test.url } });

      const alone = await command('remove', MODEL, 'Ada');
      assert.equal([alone.code, alone.stdout], [1, '']);
      assert.match(alone.stderr, /does a replica run\?.*\[NATS_UNAVAILABLE\]\n$/);

      await context.start('r1');
      await context.deploy({ runId: 'run1' });
      const missing = await command('enroll', MODEL, 'Ada', 'missing.png');
      assert.is(missing.code, 1);
      assert.match(missing.stderr, /missing\.png cannot be read: .*\[IMAGE_UNREADABLE\]\n$/);
      const unreadable = await command('enroll', MODEL, 'Ada', 'notes.png');
      assert.is(unreadable.code, 1);
      assert.match(unreadable.stderr, /send a whole PNG, JPEG or WebP file.*\[IMAGE_UNREADABLE\]\n$/);
    }),
  ));

test.run();
