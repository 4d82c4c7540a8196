import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineError } from '../../../../contracts/errors.ts';
import { exportModel } from '../../../../services/training/model/export.ts';
import { readModelMetadata, type ModelMetadata } from '../../../../services/training/model/metadata.ts';
import { resolveNet } from '../../../../services/training/nets/nets.ts';
import { decodeModel } from '../../../../services/training/onnx/encoding.ts';
import { initialState } from '../../../../services/training/nets/parameters.ts';

const METADATA: ModelMetadata = {
  model: 'face',
  runId: 'run-7',
  datasetDigest: `sha256:${'a'.repeat(64)}`,
  image: { width: 32, height: 24, channels: 3 },
  embeddingDimensions: 128,
  classes: 5,
  framework: 'onnx-graph',
  metrics: { loss: 0.25, epochs: 3 },
};

function model(): Uint8Array {
  const net = resolveNet('face-small', METADATA.image);
  return exportModel(net, initialState({ net, classes: 5 }, 1), METADATA);
}

test('metadata: what was written is read back', () => {
  assert.equal(readModelMetadata(model()), METADATA);
});

test('metadata: an exported model needs no operators but the standard ones', () => {
  const { opsetImport, graph } = decodeModel(model());
  assert.equal(
    opsetImport.map(({ domain }) => domain),
    [''],
  );
  assert.ok(graph!.node!.every(({ domain }) => !domain));
});

const broken: readonly [name: string, bytes: Uint8Array][] = [
  ['no bytes', new Uint8Array(0)],
  ['a PNG', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')],
  ['half a model', model().slice(0, 1000)],
];
for (const [name, bytes] of broken) {
  test(`metadata: ${name} is MODEL_INVALID`, () => {
    try {
      readModelMetadata(bytes);
      assert.unreachable('it was accepted');
    } catch (error) {
      assert.instance(error, PipelineError);
      assert.is((error as PipelineError).code, 'MODEL_INVALID');
    }
  });
}

test.run();
