/** How sessions of training graphs are opened and fed. Used by engine.ts, executor.ts and the tests. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Provider } from '../../../contracts/configuration/training.ts';
import type { MaskedBatch } from '../loop/masks.ts';
import type { NetInput } from '../nets/nets.ts';

/**
 * `basic`: the stronger optimisations cannot fold anything, since weights are inputs here, and measured slower.
 * Without the memory pattern the peak falls from 361 to 264 MB at the same speed. Threads that wait for work do not
 * spin: beside a server that answers requests the cores are not theirs to burn (15 % less CPU time per image).
 */
export const sessionOptions = (threads: number, provider: Provider = 'cpu'): InferenceSession.SessionOptions => ({
  executionProviders: [provider],
  graphOptimizationLevel: 'basic',
  enableMemPattern: false,
  intraOpNumThreads: threads,
  extra: { session: { intra_op: { allow_spinning: '0' } } },
});

/** The parts of a net that decide the shapes of its inputs. */
export interface FedNet {
  readonly image: Pick<NetInput, 'channels' | 'height' | 'width'>;
  readonly maskCount: number;
}

/** The inputs of a training graph that differ from batch to batch. */
export function batchFeeds({ images, classes, masks }: MaskedBatch, net: FedNet): Record<string, Tensor> {
  const { channels, height, width } = net.image;
  const count = classes.length;
  return {
    images: new Tensor('float32', images, [count, channels, height, width]),
    classes: new Tensor('int64', BigInt64Array.from(classes, BigInt), [count]),
    ...(net.maskCount > 0 && { masks: new Tensor('float32', masks, [count, net.maskCount]) }),
  };
}

export const vector = (data: Float32Array): Tensor => new Tensor('float32', data, [data.length]);

/** Every output of our graphs is float32. */
export const floats = (value: InferenceSession.ReturnType[string] | undefined): Float32Array =>
  value!.data as Float32Array;
