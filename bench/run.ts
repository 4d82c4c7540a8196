/**
 * `npm run bench -- <name> [flags]`: runs one benchmark. Each prints a table for people, or with --json one object;
 * numbers in documents come from here.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { AUTO_HEAD, DEFAULT_HEAD, type BackboneConfig } from '../contracts/configuration/training.ts';
import { ImageSpecSchema, type ImageSpec } from '../contracts/dataset.ts';
import { toFailure } from '../contracts/errors.ts';
import { runAccuracyBench } from './accuracy/accuracy.ts';
import { runCopiesBench } from './copies/copies.ts';
import { runCollectionBench } from './collection/collection.ts';
import { runDecisionBench } from './decision/decision.ts';
import { runFacesBench } from './faces/faces.ts';
import { runGatewayBench } from './gateway/gateway.ts';
import { BACKBONE_SPEC, SPEC } from './decision/people.ts';
import { runNightBench } from './night/night.ts';
import { runSagaBench } from './saga/saga.ts';
import { runServingBench } from './serving/serving.ts';
import { runTracesBench } from './traces/traces.ts';
import { runSigningBench } from './signing/signing.ts';
import { runSnapshotsBench } from './snapshots/snapshots.ts';
import { runSwapBench } from './swap/swap.ts';
import { runIdentifyBench } from './identify/identify.ts';
import { runInputBench } from './input/input-pipeline.ts';
import { runLikenessBench } from './likeness/likeness.ts';
import { runMemoryBench } from './memory/memory.ts';
import { runProvidersBench } from './providers/providers.ts';
import { NET_NAMES } from './training/training-subject.ts';
import { runTrainingBench } from './training/training.ts';

const SHIPPED = ['face-small', 'refnet', 'face-resnet'];

/** Of a backbone, by the names that `--head` takes. */
const HEADS: Readonly<Record<string, BackboneConfig['head']>> = {
  'batch-norm': DEFAULT_HEAD,
  dense: AUTO_HEAD,
  none: 'none',
  auto: 'auto',
};

const bench = new Command('bench').description('Benchmarks: numbers with their method.').showHelpAfterError();

bench
  .command('accuracy')
  .description('recognise known people on new images, and people never seen, beside plain pixels and LDA')
  .requiredOption('--data <folder>', 'one folder per person, images numbered')
  .option('--seeds <list>', 'each gives another net, such as 1,2,3', wholeNumbers, [1])
  .option('--json', 'one JSON object on stdout', false)
  .action(async ({ data, json, seeds }) => {
    await runAccuracyBench({ dataFolder: data, json, seeds });
  });

bench
  .command('copies')
  .description('how many copies of photographs are known again, and how many other pictures are taken for copies')
  .requiredOption('--data <folders>', 'folders with one folder per person each, with commas between')
  .option('--images <n>', 'so many are searched among', Number, 100_000)
  .option('--json', 'one JSON object on stdout', false)
  .action(async ({ data, images, json }) => {
    await runCopiesBench({ dataFolders: data.split(','), images, json });
  });

bench
  .command('decision')
  .description('strangers let in and people kept out at the thresholds that a release would have')
  .requiredOption('--data <folder>', 'one folder per person')
  .option('--strangers <folder>', 'people who are never enrolled, in the same form')
  .option(
    '--target <list>',
    "shares of strangers' searches that may be answered known; the first is reported",
    shares,
    [0.05],
  )
  .option('--far <share>', 'of comparisons that verify may accept wrongly', Number, 0.001)
  .option('--divisions <n>', 'into trained, held out, probes and strangers; each trains a net', Number, 5)
  .option('--nights <list>', 'numbers of people, such as 46,56,66,76: nights that follow each other', wholeNumbers)
  .addOption(new Option('--model <onnx>', 'a finished model in the form that a training yields').conflicts('backbone'))
  .option('--backbone <onnx>', 'as `nightshift backbone import` writes it; its head is trained for each division')
  .addOption(new Option('--head <which>', 'on the backbone').choices(Object.keys(HEADS)).default('batch-norm'))
  .option('--mirror', 'the backbone embeds each picture and its mirror image', false)
  .option(
    '--image <size>',
    'width x height x channels of the pictures for the model (default: 64x64x1) or the backbone (112x112x3)',
    imageSize,
  )
  .option('--features <folder>', "where the backbone's features are kept", join(tmpdir(), 'nightshift-bench-features'))
  .option('--floors-only', 'pixels and PCA + LDA alone: seconds', false)
  .option('--json', 'one JSON object on stdout', false)
  .action(async ({ data, strangers, target, nights, model, backbone, image, head, mirror, features, ...options }) => {
    const folders = { dataFolder: data, strangersFolder: strangers ?? null };
    await runDecisionBench({
      ...{ ...options, ...folders, targets: target, nights: nights ?? null },
      model: model === undefined ? null : { path: model, image: image ?? SPEC },
      backbone:
        backbone === undefined
          ? null
          : {
              ...{ path: backbone, mirror, cacheDir: features, image: image ?? BACKBONE_SPEC },
              head: HEADS[head]!,
            },
    });
  });

bench
  .command('faces')
  .description('what finding the face in a picture is worth, on people as they are and as photographs made of them')
  .requiredOption('--data <folder>', 'one folder per person')
  .requiredOption('--detector <file>', 'what `nightshift faces import` wrote')
  .option('--backbone <file>', 'what `nightshift backbone import` wrote, for whole pictures; plain pixels without it')
  .option('--backbone-faces <file>', 'the same net with the crop for faces that were cut out')
  .option('--per-person <n>', 'images at most', Number, 1000)
  .option('--worst <n>', 'pictures of which worst inputs are made', Number, 50)
  .option('--json', 'one JSON object on stdout', false)
  .action(async ({ data, detector, backbone, backboneFaces, ...options }) => {
    const nets = { backboneFile: backbone ?? null, facesBackboneFile: backboneFaces ?? null };
    await runFacesBench({ ...options, ...nets, dataFolder: data, detectorFile: detector });
  });

bench
  .command('input')
  .description('images/s of a training from disk over that from memory, and the memory that a large set takes')
  .addOption(
    new Option('--net <name>', 'which net trains').choices(['face-small', 'refnet', 'face-resnet']).default('refnet'),
  )
  .option('--images <n>', 'images of the set that is trained on', Number, 512)
  .option('--repeats <n>', 'passes of each kind', Number, 8)
  .option('--memory <sizes...>', 'sizes of the sets whose memory is measured', (size, sizes: number[] | undefined) => [
    ...(sizes ?? []),
    Number(size),
  ])
  .option('--json', 'one JSON object on stdout', false)
  .action(async ({ net, images, repeats, memory, json }) => {
    await runInputBench({ net, images, repeats, memorySizes: memory ?? [10_000, 100_000], json });
  });

bench
  .command('memory')
  .description('the memory of collector, verifier and janitor on pictures of 112x112x3; 20,000 take minutes')
  .option('--images <n>', 'pictures', Number, 100_000)
  .option('--memory <MiB>', 'as `supervisor.memoryMaxMiB` of each actor; 0: what the machine has', Number, 512)
  .option('--json', 'one JSON object on stdout', false)
  .action(async ({ images, memory, json }) => {
    await runMemoryBench({ images, memoryMaxMiB: memory === 0 ? null : memory, json });
  });

bench
  .command('providers')
  .description('images/s of the same training graph on CUDA, WebGPU and the processor')
  .addOption(new Option('--net <name>', 'which net trains').choices(NET_NAMES).default('refnet'))
  .option('--batches <list>', 'images per step', wholeNumbers, [32, 256, 1024])
  .option('--seconds <n>', 'of each measurement', Number, 10)
  .option('--json', 'one JSON object on stdout', false)
  .action(runProvidersBench);

bench
  .command('gateway')
  .description('latency of a request by HTTP through the gateway beside the same over NATS alone')
  .addOption(new Option('--net <name>', 'a shipped net').choices(SHIPPED).default('face-small'))
  .option('--people <n>', 'in the gallery', Number, 100)
  .option('--rate <n>', 'requests per second, due at random moments', Number, 200)
  .option('--seconds <n>', 'of each measurement, in five rounds by turns', Number, 20)
  .option('--json', 'one JSON object on stdout', false)
  .action(async ({ net, people, rate, seconds, json }) => {
    await runGatewayBench({ net, people, perSecond: rate, seconds, json });
  });

bench
  .command('traces')
  .description(
    'latency and throughput of a replica with traces, of a share of its requests and of all, beside one without',
  )
  .addOption(new Option('--net <name>', 'a shipped net').choices(SHIPPED).default('face-small'))
  .option('--people <n>', 'in the gallery', Number, 100)
  .option('--rate <n>', 'requests per second, due at random moments', Number, 200)
  .option('--seconds <n>', 'of each measurement, in five rounds by turns', Number, 20)
  .option('--json', 'one JSON object on stdout', false)
  .action(async ({ net, people, rate, seconds, json }) => {
    await runTracesBench({ net, people, perSecond: rate, seconds, json });
  });

bench
  .command('serving')
  .description('latency and throughput of a replica over NATS beside bare onnxruntime-node')
  .addOption(new Option('--net <name>', 'a shipped net').choices(SHIPPED).default('face-small'))
  .option('--people <n>', 'in the gallery', Number, 100)
  .option('--peers [python]', 'also BentoML and Ray Serve, where that Python (default: python3) has them')
  .option('--seconds <n>', 'of each measurement', Number, 4)
  .option('--json', 'one JSON object on stdout', false)
  .action(async ({ net, people, seconds, peers, json }) => {
    const peersPython = peers === true ? 'python3' : (peers ?? null);
    await runServingBench({ net, people, seconds, peersPython, json });
  });

bench
  .command('night')
  .description('requests while a night runs beside them, by stage, and what they cost the training')
  .option('--people <n>', 'enrolled, and drawn', Number, 24)
  .option('--epochs <n>', 'of each training', Number, 14)
  .option('--replicas <n>', 'that answer', Number, 1)
  .option('--rate <n>', 'requests per second', Number, 100)
  .option('--steady-seconds <n>', 'before each night', Number, 15)
  .option('--nights <n>', 'under the load, and as many without', Number, 2)
  .option('--json', 'one JSON object on stdout', false)
  .action(async (options) => {
    await runNightBench(options);
  });

bench
  .command('swap')
  .description('every request accounted for while models are swapped, refused and rolled back on three replicas')
  .addOption(new Option('--net <name>', 'a shipped net').choices(SHIPPED).default('face-small'))
  .option('--people <n>', 'in the gallery', Number, 100)
  .option('--swaps <n>', 'changes of the release', Number, 60)
  .option('--rate <n>', 'requests per second', Number, 60)
  .option('--seconds <n>', 'over which the swaps are spread', Number, 75)
  .option('--full', '1,000 swaps and 1,000,000 requests, 300/s: an hour', false)
  .option('--plot <file>', 'SVG: latency over time', join(tmpdir(), 'nightshift-bench-swap.svg'))
  .option('--json', 'one JSON object on stdout', false)
  .action(async ({ full, ...options }) => {
    await runSwapBench({ ...options, ...(full ? { swaps: 1000, rate: 300, seconds: 3_360 } : {}) });
  });

bench
  .command('training')
  .description('images/s of each shipped net, beside the MatMul peak, TensorFlow.js and Python; takes minutes')
  .option('--peers [python...]', 'also the frameworks that these Python programs have (JAX, TensorFlow, PyTorch)')
  .option('--data <folder>', 'faces as for "accuracy": also the passes that a warm start saves')
  .option('--quick', 'one turn each: a look, not a measurement', false)
  .option('--json', 'one JSON object on stdout', false)
  .action(async ({ json, quick, data, peers = [] }) => {
    const programs = peers === true ? ['python3'] : peers;
    await runTrainingBench({ json, quick, peers: programs, dataFolder: data ?? null });
  });

bench
  .command('collection')
  .description(
    'two data services at once beside one after the other, memory of a large set, bytes of an unchanged night',
  )
  .option('--images <n>', 'of the set whose memory is watched; 0: none', Number, 100_000)
  .option('--memory <MiB>', 'of that collection, as `supervisor.memoryMaxMiB` of the collector', Number, 512)
  .option('--latency <ms>', 'of each answer', Number, 300)
  .option('--repeats <n>', 'of what is timed', Number, 3)
  .option('--json', 'one JSON object on stdout', false)
  .action(async ({ latency, memory, ...options }) => {
    await runCollectionBench({ ...options, latencyMs: latency, memoryMaxMiB: memory });
  });

bench
  .command('signing')
  .description('what it costs to sign and to check a release and the deployment record')
  .option('--json', 'one JSON object on stdout', false)
  .action(async ({ json }) => {
    await runSigningBench({ json });
  });

bench
  .command('likeness')
  .description('what a net makes of new images, on honest nights and on those whose data went wrong')
  .requiredOption('--data <folder>', 'one folder per person')
  .option('--seeds <list>', 'each gives another net, such as 1,2,3', wholeNumbers, [1])
  .option('--nights <n>', 'of each kind and size', Number, 50)
  .addOption(new Option('--channels <n>', 'that the net sees').choices(['1', '3']).default('1'))
  .option('--json', 'one JSON object on stdout', false)
  .action(async ({ data, seeds, nights, channels, json }) => {
    await runLikenessBench({ dataFolder: data, seeds, nights, channels: channels === '3' ? 3 : 1, json });
  });

bench
  .command('snapshots')
  .description('what a night adds to the store: nothing new, 1 % new, replaced or gone')
  .option('--images <n>', 'of the first night', Number, 20_000)
  .option('--json', 'one JSON object on stdout', false)
  .action(async (options) => {
    await runSnapshotsBench(options);
  });

bench
  .command('saga')
  .description('what the orchestration costs: transitions, a night without work, runs that wait')
  .option('--models <n>', 'models whose runs go on side by side', Number, 32)
  .option('--peers [python]', 'also Temporal, where that Python (default: python3) has `temporalio`')
  .option('--temporal <program>', 'the Temporal CLI, with its development server', 'temporal')
  .option('--seconds <n>', 'of each measurement of throughput', Number, 4)
  .option('--nights <n>', 'runs one after the other', Number, 50)
  .option('--waiting <n>', 'runs that wait while memory is measured', Number, 500)
  .option('--json', 'one JSON object on stdout', false)
  .action(async ({ peers, temporal, ...options }) => {
    const python = peers === true ? 'python3' : peers;
    await runSagaBench({ ...options, peers: python === undefined ? null : { temporal, python } });
  });

bench
  .command('identify')
  .description('who of many people is it: the search alone, beyond the time of the model')
  .option('--people <list>', 'sizes of the gallery', wholeNumbers, [1_000, 10_000, 100_000])
  .option('--dimensions <list>', 'lengths of an embedding', wholeNumbers, [64, 128])
  .option('--probes <n>', 'searches that are timed, each', Number, 300)
  .option('--json', 'one JSON object on stdout', false)
  .action((options) => runIdentifyBench(options));

try {
  await bench.parseAsync();
} catch (error) {
  const { code, message } = toFailure(error);
  process.stderr.write(`bench: ${message} [${code}]\n`);
  process.exitCode = 1;
}

function wholeNumbers(list: string): number[] {
  const numbers = list.split(',').map(Number);
  if (numbers.every(Number.isInteger)) return numbers;
  throw new InvalidArgumentError('whole numbers, separated by commas');
}

function imageSize(text: string): ImageSpec {
  const [width, height, channels] = text.split('x').map(Number);
  const parsed = ImageSpecSchema.safeParse({ width, height, channels });
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError('such as 112x112x3');
}

function shares(list: string): number[] {
  const numbers = list.split(',').map(Number);
  if (numbers.every((share) => share > 0 && share <= 1)) return numbers;
  throw new InvalidArgumentError('shares above 0 and up to 1, separated by commas');
}
