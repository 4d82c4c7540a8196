/**
 * Bad input from every side, into a system that has something in service: the sender is told what was wrong, a command is
 * kept among the refused ones, and the champion serves on.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ActorName } from '../../actors/names.ts';
import { startWorker } from '../../actors/worker.ts';
import { connectClient } from '../../cli/client.ts';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { Failure } from '../../contracts/errors.ts';
import { PipelineConfigSchema } from '../../contracts/configuration/pipeline.ts';
import { CTL, commandRefusedSubject, deadLetterSubject, STREAMS } from '../../contracts/subjects.ts';
import { BlobRefSchema } from '../../contracts/references.ts';
import type { Deployment, Release } from '../../contracts/release.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import type { Bus, Heard } from '../../infra/messaging/bus.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { CONSUMERS } from '../../infra/topology/consumers.ts';
import { MESSAGE_BYTES_MAX } from '../../infra/messaging/publish.ts';
import { createRefusalStore } from '../../infra/stores/refusal-store.ts';
import type { RecordStore } from '../../infra/stores/record-store.ts';
import { startSystem } from '../../main.ts';
import { readManifest } from '../../services/data/load.ts';
import { readGallery, writeGallery } from '../../services/serving/gallery/gallery.ts';
import { assertServes, deployTinyChampion } from '../support/champion.ts';
import { configureAsIn } from '../support/configured.ts';
import { withFolder, writeImage, writeTinyPeople } from '../support/folder.ts';
import { LENIENT_GATES, lenientIn } from '../support/lenient.ts';
import { runNight } from '../support/nights.ts';
import { ask, faceOf, MODEL } from '../support/replicas.ts';
import { trivialWorks, type Works } from '../support/saga.ts';
import { withServer } from '../support/server.ts';
import { storeTinyPair } from '../support/tiny-data.ts';
import { TINY_IMAGE, tinyModel } from '../support/tiny-model.ts';
import { until } from '../support/wait.ts';
import { managerOf } from '../../infra/messaging/jetstream.ts';

const FIVE_MEGABYTES = 5 * 1024 * 1024;
const ATTEMPTS_MAX = 2;

interface Target {
  readonly nc: Awaited<ReturnType<typeof connectClient>>['nc'];
  readonly bus: Bus;
  readonly blobs: BlobStore;
  readonly deployments: RecordStore<Deployment>;
  /** The folder that the pipeline's source reads: five people. */
  readonly faces: string;
}

interface TargetOptions {
  /** Beside orchestrator and inference. */
  readonly actors?: readonly ActorName[];
  /** Stages whose worker is the test's own. */
  readonly works?: (blobs: BlobStore) => Partial<Works>;
  readonly sources?: readonly object[];
}

/** A system that serves a tiny champion. When the test is done it must serve it still, or what the test returns. */
function withChampion(options: TargetOptions, use: (target: Target) => Promise<Release | void>): Promise<void> {
  return withFolder((folder) =>
    withServer(async ({ url, log, connect }) => {
      const faces = join(folder, 'faces');
      await writeTinyPeople(faces, 5, 6);
      const sources = options.sources ?? [{ type: 'directory', name: 'faces', path: faces }];
      const config = ConfigSchema.parse({
        nats: { url },
        models: { [MODEL]: pipelineOf(sources, await lenientIn(folder)) },
      });
      await configureAsIn(await connect('configure'), config);
      const actors: ActorName[] = ['inference', 'orchestrator', ...(options.actors ?? [])];
      const system = await startSystem(config, log, actors);
      const client = await connectClient(url, log);
      const { nc, bus } = client;
      const blobs = createBlobStore(nc);
      const workers = startWorkers(bus, options.works?.(blobs) ?? {}, log);
      try {
        const { champion, deployments } = await deployTinyChampion(nc);
        const successor = await use({ nc, bus, blobs, deployments, faces });
        await assertServes(nc, successor ?? champion);
      } finally {
        await Promise.all(workers.map((worker) => worker.stop()));
        await client.close();
        await system.stop();
      }
    }),
  );
}

const pipelineOf = (sources: readonly object[], lenient: object) =>
  PipelineConfigSchema.parse({
    sources,
    ...lenient,
    image: TINY_IMAGE,
    split: { strategy: 'first-n', train: 4 },
    verification: { gates: LENIENT_GATES, performanceRequests: 10 },
    deployment: { guardMs: 0, guardLatencyP99MsMax: 10_000 },
    retry: { attemptsMax: ATTEMPTS_MAX, backoffMs: 50 },
  });

function startWorkers(bus: Bus, works: Partial<Works>, log: Parameters<typeof startWorker>[0]['log']) {
  const { collect, train, verify } = works;
  return [
    ...(collect ? [startWorker({ stage: 'collect', bus, log, work: collect })] : []),
    ...(train ? [startWorker({ stage: 'train', bus, log, work: train })] : []),
    ...(verify ? [startWorker({ stage: 'verify', bus, log, work: verify })] : []),
  ];
}

/** Publishes an operator command as `nats pub` would; answers what its sender is told, and what is kept of it. */
async function refused({ nc, bus }: Target, subject: string, body: Uint8Array | string) {
  const heard: Heard[] = [];
  const listening = bus.listen(commandRefusedSubject('*'), (event) => void heard.push(event));
  await nc.request(subject, body);
  const { envelope } = await until(() => heard[0], `a refusal of ${subject}`);
  listening.stop();
  // The schema of a refusal is the orchestrator's: see actors/orchestrator/operator.ts.
  const { failure } = envelope.data as { failure: Failure };
  const { refusals } = await (await createRefusalStore(nc)).newest(1);
  assert.is(refusals.length, 1, 'no refusal was kept');
  const letters = deadLetterSubject(STREAMS.ctl, CONSUMERS.ctl);
  const letter = await (await managerOf(nc)).streams.getMessage(STREAMS.dlq, { last_by_subj: letters });
  assert.is(letter, null, 'nothing was lost');
  return { failure, refusal: refusals[0]! }; // Counted just above.
}

test('bad input: a start command that is no JSON is refused, with an example of one that is', () =>
  withChampion({}, async (target) => {
    const { failure, refusal } = await refused(target, CTL.pipelineStart, '{"model": face');
    assert.is(failure.code, 'MESSAGE_MALFORMED');
    assert.match(failure.message, /nightshift\.ctl\.pipeline\.start: not JSON .*\{"model":"face"\}/);
    assert.equal([refusal.body, refusal.code, refusal.source], ['{"model": face', 'MESSAGE_MALFORMED', null]);
  }));

test('bad input: an unknown model is refused, naming those that are known', () =>
  withChampion({}, async (target) => {
    const { failure, refusal } = await refused(target, CTL.pipelineStart, '{"model":"cats"}');
    assert.is(failure.code, 'MODEL_UNKNOWN');
    assert.match(failure.message, /"cats".*face/);
    assert.equal([refusal.subject, refusal.source], [CTL.pipelineStart, 'nightshift/operator']);
  }));

test('bad input: an operator command that is too large is refused, and the head of it is kept', () =>
  withChampion({}, async (target) => {
    const body = new Uint8Array(MESSAGE_BYTES_MAX + 1).fill(0x20);
    const { failure, refusal } = await refused(target, CTL.pipelineStart, body);
    assert.is(failure.code, 'MESSAGE_TOO_LARGE');
    assert.match(failure.message, new RegExp(`${MESSAGE_BYTES_MAX + 1} bytes`));
    assert.is(refusal.bytes, MESSAGE_BYTES_MAX + 1);
    assert.ok(refusal.body.length < 2_000);
    // Far too large: the server itself refuses it.
    const answer = await target.nc.request(CTL.pipelineStart, new Uint8Array(FIVE_MEGABYTES));
    assert.match(answer.string(), /message size exceeds maximum allowed/);
  }));

test('bad input: an image of 5 MB, half of an image, and no image at all are answered with 400', () =>
  withChampion({}, async ({ nc }) => {
    const face = await faceOf(0);
    const cases = [
      { image: new Uint8Array(FIVE_MEGABYTES), code: 'IMAGE_TOO_LARGE' },
      { image: face.subarray(0, face.length / 2), code: 'IMAGE_UNREADABLE' },
      { image: new Uint8Array(0), code: 'IMAGE_UNREADABLE' },
    ];
    for (const { image, code } of cases) {
      const { status, text, body } = await ask(nc, 'identify', image);
      assert.equal([status, (body['error'] as Failure).code], [400, code]);
      assert.match(text, new RegExp(`^${code}: identify request`));
    }
  }));

/** A training that took no time. */
const tinyTraining =
  (bytes: Uint8Array) =>
  (blobs: BlobStore): Partial<Works> => ({
    train: async (command, context) => ({
      ...(await trivialWorks.train(command, context)),
      model: await blobs.put('MODELS', `${command.runId}/model.onnx`, bytes),
    }),
  });

test('bad input: half an image in a data source is set aside with its reason, and the run goes on', () =>
  withChampion(
    { actors: ['collector', 'verifier'], works: tinyTraining(tinyModel({ seed: 2 })) },
    async ({ bus, blobs, deployments, faces }) => {
      const whole = await readFile(join(faces, 'p0', '0.png'));
      await writeImage(faces, 'p0', 'half.png', whole.subarray(0, whole.length / 2));
      const night = await runNight(bus, 'n1');
      assert.is(night.fact, 'completed', night.failure?.message);
      const { samples, quarantined: count, dataset } = night.results.collect ?? {};
      assert.equal([samples, count], [54, 1], 'thirty of people, the others of strangers');
      const { quarantined } = await readManifest(BlobRefSchema.parse(dataset), blobs);
      const [half] = quarantined;
      assert.equal([quarantined.length, half?.id, half?.label, half?.reason], [1, 'p0/half.png', 'p0', 'unreadable']);
      assert.match(half?.message ?? '', /faces\/p0\/half\.png/);
      return (await deployments.load(MODEL))!.value.current!; // The run has completed, so its release is in service.
    },
  ));

const GARBAGE = new TextEncoder().encode('<html>404 not found</html>');

test('bad input: a candidate that is no ONNX model fails verification, and the run', () =>
  withChampion({ actors: ['collector', 'verifier'], works: tinyTraining(GARBAGE) }, async ({ bus }) => {
    const night = await runNight(bus, 'n1');
    assert.equal([night.fact, night.failure?.code], ['failed', 'MODEL_INVALID'], night.failure?.message);
    assert.not.ok(night.states.some((state) => state.startsWith('deploying')));
  }));

/** A verification that vouches for whatever it is given, with a gallery and golden samples that look the part. */
const blindVerification =
  (blobs: BlobStore): Works['verify'] =>
  async (command, context) => {
    const another = await storeTinyPair(blobs, { runId: 'another' });
    const { gallery } = readGallery(await blobs.get(another.gallery), 'gallery');
    const vouching = writeGallery({ gallery, modelDigest: command.candidate.digest });
    return {
      ...(await trivialWorks.verify(command, context)),
      gallery: await blobs.put('MODELS', `${command.runId}/gallery`, vouching),
      golden: another.golden,
    };
  };

test('bad input: a replica that is told to load what is no model refuses, and the deployment is taken back', () => {
  const works = (blobs: BlobStore) => ({
    ...trivialWorks,
    ...tinyTraining(GARBAGE)(blobs),
    verify: blindVerification(blobs),
  });
  return withChampion({ works }, async ({ bus, deployments }) => {
    const night = await runNight(bus, 'n1');
    assert.equal([night.fact, night.failure?.code], ['failed', 'MODEL_INVALID'], night.failure?.message);
    assert.match(night.failure?.message ?? '', /replica r-\w+ refused the candidate of run n1/);
    assert.ok(night.states.includes('deploying.preparing'));
    assert.not.ok(night.states.includes('deploying.committing'));
    assert.is((await deployments.load(MODEL))?.value.announced, null);
  });
});

test('bad input: a data service that cannot be reached is tried again, then fails the run by its address', () => {
  // Port 1 is reserved, and nobody listens there.
  const url = 'http://127.0.0.1:1/samples';
  const sources = [{ type: 'http', name: 'auth', url }];
  return withChampion({ actors: ['collector'], sources }, async ({ bus }) => {
    const night = await runNight(bus, 'n1');
    assert.equal([night.fact, night.failure?.code], ['failed', 'SOURCE_UNREACHABLE']);
    // A token may stand in the path: the host alone is told.
    assert.ok(night.failure?.message.includes(`"auth" at ${new URL(url).origin}, page 1: `), night.failure?.message);
    assert.is(night.states.filter((state) => state.startsWith('collecting')).length, ATTEMPTS_MAX);
  });
});

test.run();
