/** The Open Inference Protocol by a program that knows nothing of us: tritonclient[http] as PyPI has it, and curl. */
import { execFile, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { IdentifyReplySchema } from '../../contracts/inference.ts';
import { withGateway, type Served } from '../support/gateway.ts';
import { connectAs } from '../support/identities.ts';
import { runNight } from '../support/nights.ts';
import { faceOf, MODEL } from '../support/replicas.ts';

/** A Python that has the package: that of NIGHTSHIFT_TRITON, or the usual one. */
const python = process.env['NIGHTSHIFT_TRITON'] ?? 'python3';
const hasTriton = spawnSync(python, ['-c', 'import tritonclient.http']).status === 0;
const hasCurl = spawnSync('curl', ['--version']).status === 0;
const run = promisify(execFile);

const withRelease = (use: (served: Served, image: string) => Promise<void>) =>
  withGateway(async (served) => {
    const operator = await connectAs('operator', served);
    const night = await runNight(operator.bus, 'n1');
    await operator.close();
    assert.is(night.fact, 'completed', night.failure?.message);
    const image = join(served.folder, 'face.png');
    await writeFile(image, await faceOf(0));
    await use(served, image);
  });

test('open inference: a request as JSON alone, and an error as its clients expect it', () =>
  withRelease(async (served, image) => {
    const face = await faceOf(0);
    const input = { name: 'image', shape: [1], datatype: 'BYTES', data: [face.toString('base64')] };
    const ask = async (path: string, body: object) =>
      served.fetch(path, { method: 'POST', body: JSON.stringify(body), as: 'enroller' });
    const inputs = [{ ...input, parameters: { content_type: 'base64' } }];
    const answer = await ask(`/v2/models/${MODEL}/infer`, { inputs });
    assert.is(answer.status, 200);
    const { model_version: version, outputs } = (await answer.json()) as {
      model_version: string;
      outputs: { name: string; data: unknown[] }[];
    };
    assert.is(version, '1');
    assert.equal(
      outputs.map(({ name }) => name),
      ['person', 'known', 'score', 'threshold'],
    );
    assert.equal(outputs[0]!.data, ['p0']);
    const embedded = await ask(`/v2/models/${MODEL}/infer`, { inputs, outputs: [{ name: 'embedding' }] });
    const [{ shape }] = ((await embedded.json()) as { outputs: [{ shape: number[] }] }).outputs;
    assert.is(shape.length, 2);
    const odd = await ask(`/v2/models/${MODEL}/infer`, { inputs, outputs: [{ name: 'embedding' }, { name: 'known' }] });
    assert.is(odd.status, 400);
    assert.match(((await odd.json()) as { error: string }).error, /^REQUEST_INVALID: .*stands alone/);
    assert.is((await served.fetch('/v2/models/nobody/ready')).status, 404);
    if (!hasCurl) return console.log('skipped: curl, which is not installed');
    for (const body of [
      ['--data-binary', `@${image}`],
      ['-F', `image=@${image}`],
    ]) {
      const bearer = `Authorization: Bearer ${served.tokenOf('door')}`;
      const { stdout } = await run('curl', ['-sS', '-H', bearer, ...body, `${served.base}/v1/${MODEL}/identify`]);
      assert.is(IdentifyReplySchema.parse(JSON.parse(stdout)).person, 'p0');
    }
  }));

if (hasTriton) {
  test('open inference: tritonclient works as it is, with binary tensors and without', () =>
    withRelease(async (served, image) => {
      const script = join(import.meta.dirname, '../support/triton_door.py');
      const address = served.base.replace('http://', '');
      const { stdout } = await run(python, [script, address, served.tokenOf('door'), image], { timeout: 60_000 });
      assert.is(stdout, 'ok\n');
    }));
} else
  console.log('skipped: open inference with tritonclient, which is not installed (pip install "tritonclient[http]")');

test.run();
