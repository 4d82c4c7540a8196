/** What follows if a source cannot be read: read once more, left out, or the end of the collection. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChecksConfigSchema } from '../../../contracts/configuration/checks.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { collectSnapshot } from '../../../services/data/snapshot.ts';
import { SourceChanged, type DataSource } from '../../../services/data/strategy.ts';
import { withFolderBlobs } from '../../support/folder-blobs.ts';
import { failureOf, listSource, samplesOf } from '../../support/samples.ts';
import { recordWork, type RecordedWork } from '../../support/work.ts';

/** It gives some samples and then fails, `times` times; then all. */
async function failing(
  name: string,
  error: Error,
  times = Infinity,
  policy?: DataSource['policy'],
): Promise<DataSource> {
  const samples = await samplesOf([name, `${name} too`], 4);
  let left = times;
  return {
    ...{ name, type: 'list', policy },
    async *samples() {
      yield samples[0]!;
      if (left-- > 0) throw error;
      yield* samples.slice(1);
    },
  };
}

const good = async (name: string) => listSource(name, await samplesOf([name, `${name} too`], 4));
const down = new PipelineError('SOURCE_UNREACHABLE', 'source "helper": no connection', { retryable: true });

async function collected(sources: readonly DataSource[], checks = {}, work: RecordedWork = recordWork()) {
  let outcome: Awaited<ReturnType<typeof collectSnapshot>> | undefined;
  await withFolderBlobs(async (blobs) => {
    outcome = await collectSnapshot({
      ...{ ...work, sources, blobs, image: { width: 8, height: 8, channels: 1 }, holdOut: { share: 0, min: 0 } },
      ...{ split: { strategy: 'content-hash', validation: 0, probe: 0.2 }, checks: ChecksConfigSchema.parse(checks) },
    });
  });
  return outcome!; // collectSnapshot answers or throws.
}

test('source policy: the night goes on without a source that may be missing, and tells it', async () => {
  const work = recordWork();
  const helper = await failing('helper', down, Infinity, 'best-effort');
  const { manifest, findings } = await collected([await good('auth'), helper], {}, work);
  assert.equal(manifest.labels, ['auth', 'auth too'], 'nothing of the half that was read');
  assert.equal(findings, [
    {
      check: 'sourceFailed',
      action: 'note',
      message: 'source "helper" could not be read: source "helper": no connection',
    },
  ]);
  assert.match(work.warnings.map(({ message }) => message).join('\n'), /the night goes on without it: source "helper"/);
});

test('source policy: a source is required unless it says otherwise', async () => {
  const failure = await failureOf(collected([await good('auth'), await failing('helper', down)]));
  assert.is(failure, down);
});

test('source policy: a fault of our own is no failure of the source', async () => {
  const broken = new PipelineError('CONFIG_INVALID', 'the environment variable TOKEN is not set');
  const helper = await failing('helper', broken, Infinity, 'best-effort');
  assert.is(await failureOf(collected([await good('auth'), helper])), broken);
});

test('source policy: fewer than the quorum end the attempt, which another may follow', async () => {
  const missing = (name: string) => failing(name, down, Infinity, 'best-effort');
  const [auth, helper, desk] = [await good('auth'), await missing('helper'), await missing('desk')];
  const { findings } = await collected([auth, helper, desk], { sourceFailed: { quorum: 1, action: 'hold' } });
  assert.equal(
    findings.map(({ action }) => action),
    ['hold', 'hold'],
  );
  const { code, message, retryable } = await failureOf(
    collected([auth, helper, desk], { sourceFailed: { quorum: 2 } }),
  );
  assert.equal([code, retryable], ['SOURCE_UNREACHABLE', true]);
  assert.match(message, /^collector: 1 of 3 sources could be read, and 2 must be: source "helper"/);
  const none = await failureOf(collected([helper, desk]));
  assert.match(none.message, /0 of 2 sources could be read, and 1 must be/);
});

test('source policy: what changed while it was read is read once more, and then refused', async () => {
  const changed = new SourceChanged('source "auth": its total was another on page 2 than before');
  const work = recordWork();
  const { manifest } = await collected([await failing('auth', changed, 1)], {}, work);
  assert.equal([manifest.counts.total, manifest.quarantinedTotal], [8, 0], 'nothing of the first reading stays');
  assert.match(work.warnings[0]!.message, /its total was another on page 2 than before; it is read once more/);
  assert.is((await failureOf(collected([await failing('auth', changed, 2)]))).code, 'SOURCE_INVALID');
});

test.run();
