/**
 * `npm run bench -- providers`: the same training graph on each execution provider, at batches from the default to one
 * that fills a graphics card. Says why a provider that is not measured is not. Runs the steps in this process.
 */
import type { Provider } from '../../contracts/configuration/training.ts';
import type { EngineSpec } from '../../services/training/loop/engine.ts';
import { createOnnxEngine } from '../../services/training/onnx/engine.ts';
import { refusalOf } from '../../services/training/onnx/providers.ts';
import { initialState } from '../../services/training/nets/parameters.ts';
import { LEARNING_RATE, randomBatch, subjectOf, type NetName } from '../training/training-subject.ts';

export interface ProvidersBenchOptions {
  readonly net: NetName;
  readonly batches: readonly number[];
  /** Of each measurement, after the first steps. */
  readonly seconds: number;
  readonly json: boolean;
}

interface Measured {
  readonly provider: Provider;
  /** Why it is not measured, or null. */
  readonly refusal: string | null;
  readonly imagesPerSecond: Readonly<Record<number, number>>;
}

const PROVIDERS: readonly Provider[] = ['cuda', 'webgpu', 'cpu'];
/** The first steps compile shaders and fill memory pools. */
const WARM_UP_STEPS = 3;

export async function runProvidersBench({ net, batches, seconds, json }: ProvidersBenchOptions): Promise<void> {
  const results: Measured[] = [];
  for (const provider of PROVIDERS) {
    const refusal = await refusalOf(provider);
    const imagesPerSecond: Record<number, number> = {};
    for (const batch of refusal === null ? batches : [])
      imagesPerSecond[batch] = await measure(provider, specOf(net, batch), seconds);
    results.push({ provider, refusal, imagesPerSecond });
  }
  const best = (provider: Provider) =>
    Math.max(0, ...Object.values(results.find((it) => it.provider === provider)!.imagesPerSecond));
  const vsCpu = { cuda: best('cuda') / best('cpu') || null, webgpu: best('webgpu') / best('cpu') || null };
  if (json) return void process.stdout.write(`${JSON.stringify({ net, results, vsCpu })}\n`);
  console.log(`${net}, whole training steps, images/s by batch; best of a card over best of the processor\n`);
  for (const { provider, refusal, imagesPerSecond } of results) {
    const figures = Object.entries(imagesPerSecond).map(([batch, value]) => `${batch}: ${value.toFixed(0)}`);
    const ratio = provider === 'cpu' ? null : vsCpu[provider];
    console.log(
      `  ${provider.padEnd(8)}${refusal ?? figures.join('   ')}${ratio === null ? '' : `   ${ratio.toFixed(1)}x`}`,
    );
  }
}

function specOf(net: NetName, batch: number): EngineSpec {
  return { ...subjectOf(net, 0), batch, microBatch: batch };
}

async function measure(provider: Provider, spec: EngineSpec, seconds: number): Promise<number> {
  const engine = await createOnnxEngine(provider).create(spec, initialState(spec, 1));
  const batch = randomBatch(spec);
  try {
    let step = 0;
    const next = () => engine.step(batch, LEARNING_RATE, (step += 1));
    for (let i = 0; i < WARM_UP_STEPS; i++) await next();
    const began = performance.now();
    let steps = 0;
    while (performance.now() - began < seconds * 1000) {
      await next();
      steps += 1;
    }
    return (1000 * steps * spec.batch) / (performance.now() - began);
  } finally {
    await engine.dispose();
  }
}
