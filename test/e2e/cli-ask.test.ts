/** `nightshift ask` as an operator types it, against a real replica: somebody enrolled, somebody else, and wrong usage. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodePng } from '../../services/data/images.ts';
import { runCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { MODEL, withReplicas } from '../support/replicas.ts';
import { tinySplit } from '../support/tiny-data.ts';
import { TINY_IMAGE } from '../support/tiny-model.ts';

const SIZE = TINY_IMAGE.width * TINY_IMAGE.height;

test('cli: ask says who is on a picture, or whether it is that person, also as JSON', () =>
  withFolder((cwd) =>
    withReplicas(async (context) => {
      await context.start('r1');
      await context.deploy({ runId: 'run1' });
      const { pixels } = tinySplit(6, 12, 21);
      await writeFile(join(cwd, 'p0.png'), await encodePng(pixels.slice(0, SIZE), TINY_IMAGE));
      const ask = (...args: string[]) => runCli(['ask', MODEL, ...args], { cwd, env: { NATS_URL: context.test.url } });

      const named = await ask('identify', 'p0.png');
      assert.equal([named.code, named.stderr], [0, '']);
      assert.match(named.stdout, /^face: "p0"\n {2}score [.\d]+, threshold -?[.\d]+; release 1, 5 people enrolled\n/);
      const whole = JSON.parse((await ask('identify', 'p0.png', '--json')).stdout);
      assert.equal([whole.person, whole.known, whole.release], ['p0', true, 1]);

      const [own, other] = await Promise.all([
        ask('verify', 'p0.png', '--person', 'p0'),
        ask('verify', 'p0.png', '--person', 'p1', '--json'),
      ]);
      assert.match(own.stdout, /^face: "p0"\n/);
      const compared = JSON.parse(other.stdout);
      assert.equal([compared.person, compared.match], ['p1', compared.score >= compared.threshold]);
    }),
  ));

test('cli: ask refuses a question without its person, a missing file and a model that nobody serves', () =>
  withFolder((cwd) =>
    withReplicas(async (context) => {
      await writeFile(join(cwd, 'notes.png'), 'no image');
      const ask = async (...args: string[]) => {
        const { code, stdout, stderr } = await runCli(['ask', ...args], { cwd, env: { NATS_URL: context.test.url } });
        return `${code} ${stdout}${stderr}`;
      };
      assert.match(await ask(MODEL, 'verify', 'notes.png'), /^2 .*whose face.*\[CONFIG_INVALID\]\n$/);
      assert.match(await ask(MODEL, 'identify', 'notes.png', '--person', 'p0'), /^2 .*verify.*\[CONFIG_INVALID\]\n$/);
      assert.match(await ask(MODEL, 'embed', 'notes.png'), /^2 .*Allowed choices are identify, verify/);
      assert.match(await ask(MODEL, 'identify', 'none.png'), /^1 .*none\.png cannot be read.*\[IMAGE_UNREADABLE\]\n$/);
      assert.match(await ask(MODEL, 'identify', 'notes.png'), /^1 .*does a replica run\?.*\[NATS_UNAVAILABLE\]\n$/);
    }),
  ));

test.run();
