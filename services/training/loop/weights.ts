/**
 * The weights that a finished training leaves for the next night, beside its model: backbone, running statistics, and
 * the classifier's row of each person, which the model itself no longer has. A safetensors file.
 */
import { z } from 'zod';
import { PipelineError } from '../../../contracts/errors.ts';
import { floatTensor, readSafetensors, writeSafetensors } from '../../safetensors.ts';
import type { Weights } from '../model/export.ts';
import type { ResolvedNet } from '../nets/nets.ts';

export interface StoredWeights {
  readonly runId: string;
  /** Two nets with the same text have the same parameters in the same places. */
  readonly net: string;
  /** [parameterCount]: all but the classifier. */
  readonly backbone: Float32Array;
  readonly statistics: Float32Array;
  readonly labels: readonly string[];
  /** [labels.length, dimensions] */
  readonly classifier: Float32Array;
}

const FORMAT = 'nightshift.weights/1';

export function netText({ image, leaves }: ResolvedNet): string {
  return JSON.stringify([image, leaves.map(({ path, layer, parameters }) => [path, layer, parameters])]);
}

export function encodeWeights(
  { runId, labels }: Pick<StoredWeights, 'runId' | 'labels'>,
  net: ResolvedNet,
  { w, statistics }: Weights,
): Uint8Array {
  const [backbone, classifier] = [w.subarray(0, net.parameterCount), w.subarray(net.parameterCount)];
  return writeWeights({ runId, net: netText(net), backbone, statistics, labels, classifier });
}

export function writeWeights({ runId, net, backbone, statistics, labels, classifier }: StoredWeights): Uint8Array {
  const tensors = {
    backbone: { shape: [backbone.length], data: backbone },
    statistics: { shape: [statistics.length], data: statistics },
    classifier: { shape: [labels.length, labels.length && classifier.length / labels.length], data: classifier },
  };
  return writeSafetensors({ tensors, metadata: { format: FORMAT, runId, net, labels: JSON.stringify(labels) } });
}

/** Throws BLOB_CORRUPT. */
export function decodeWeights(bytes: Uint8Array): StoredWeights {
  const what = 'stored weights';
  const file = readSafetensors(bytes, what);
  const metadata = MetadataSchema.safeParse(file.metadata);
  if (!metadata.success) throw new PipelineError('BLOB_CORRUPT', `${what}: ${z.prettifyError(metadata.error)}`);
  const { runId, net } = metadata.data;
  return {
    runId,
    net,
    backbone: floatTensor(file, 'backbone', 1, what).data,
    statistics: floatTensor(file, 'statistics', 1, what).data,
    labels: z.array(z.string()).parse(JSON.parse(metadata.data.labels)),
    classifier: floatTensor(file, 'classifier', 2, what).data,
  };
}

const MetadataSchema = z.object({ format: z.literal(FORMAT), runId: z.string(), net: z.string(), labels: z.string() });
