/**
 * Which of onnxruntime's execution providers trains: the first of the configured ones that is there and passes the
 * self-test of gradients. Lists given to onnxruntime itself throw when the first is missing, so each is tried alone.
 * Called by the training thread.
 */
import { existsSync } from 'node:fs';
import { PipelineError } from '../../../contracts/errors.ts';
import type { Provider } from '../../../contracts/configuration/training.ts';
import type { WorkLog } from '../../work.ts';
import type { EngineFactory } from '../loop/engine.ts';
import { selfTest } from './self-test.ts';
import { createOnnxEngine } from './engine.ts';

export interface ProviderOptions {
  /** In the order in which they are tried. */
  readonly providers: readonly Provider[];
  readonly log: WorkLog;
  readonly engineOf?: (provider: Provider) => EngineFactory;
  /** Why a provider need not be tried, or null. */
  readonly absence?: (provider: Provider) => string | null;
}

/** Says in the log once why each one before was not taken. Throws STRATEGY_UNAVAILABLE where none is left. */
export async function chooseEngine({
  providers,
  log,
  engineOf = (provider) => createOnnxEngine(provider),
  absence = absenceOf,
}: ProviderOptions): Promise<EngineFactory> {
  const reasons: string[] = [];
  for (const provider of providers) {
    const engine = engineOf(provider);
    const reason = await refusalOf(provider, engineOf, absence);
    if (reason === null) {
      log.info({ provider, framework: engine.framework }, `training: provider ${provider} is used`);
      return engine;
    }
    log.info({ provider, reason }, `training: provider ${provider} is not used: ${reason}`);
    reasons.push(`${provider}: ${reason}`);
  }
  throw new PipelineError(
    'STRATEGY_UNAVAILABLE',
    `training: none of the providers can be used here (${reasons.join('; ')}); add "cpu" to training.providers`,
  );
}

/** Why a provider is not to be used, or null. The processor is what the others are measured against. */
export async function refusalOf(
  provider: Provider,
  engineOf: NonNullable<ProviderOptions['engineOf']> = createOnnxEngine,
  absence = absenceOf,
): Promise<string | null> {
  if (provider === 'cpu') return null;
  const reason = absence(provider);
  if (reason !== null) return reason;
  try {
    const problem = await selfTest(engineOf(provider), engineOf('cpu'));
    return problem && `its self-test failed: ${problem}`;
  } catch (cause) {
    return `it cannot run: ${firstLine(cause)}`;
  }
}

/** Files by which Linux shows a card: NVIDIA's driver, Windows' Linux, any driver that can compute. */
const NVIDIA = ['/dev/nvidiactl', '/dev/dxg'];
const DEVICES: Readonly<Record<Provider, readonly string[]>> = {
  cuda: NVIDIA,
  webgpu: [...NVIDIA, '/dev/dri/renderD128'],
  cpu: [],
};

/**
 * On Linux a provider without a card is not tried: its library would write to stderr, and a software renderer would
 * pass the self-test and train hundreds of times slower than the processor. Elsewhere trying is the only way to know.
 */
export function absenceOf(provider: Provider): string | null {
  const devices = DEVICES[provider];
  if (process.platform !== 'linux' || devices.length === 0 || devices.some((path) => existsSync(path))) return null;
  return `no graphics card (none of ${devices.join(', ')})`;
}

const firstLine = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).split('\n')[0]!;
