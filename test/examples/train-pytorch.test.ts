/** The shipped PyTorch program, where Python has what it needs; NIGHTSHIFT_PYTHON names another interpreter. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCommandStrategy } from '../../services/training/command.ts';
import { quietContext, toyJob } from '../services/training/toy.ts';

const PROGRAM = join(import.meta.dirname, '../../examples/train_pytorch.py');
const python = process.env.NIGHTSHIFT_PYTHON ?? 'python3';
const probe = (code: string) => spawnSync(python, ['-c', code], { encoding: 'utf8' });
const missing = probe('import torch, PIL, onnxscript').status !== 0;

if (missing) {
  test(`examples: train_pytorch.py is not run, because ${python} lacks torch, pillow or onnxscript`, () => {
    const compiled = probe(`compile(open(${JSON.stringify(PROGRAM)}).read(), 'train_pytorch.py', 'exec')`);
    // Without any Python there is nothing that could be wrong with it here.
    assert.ok(compiled.error !== undefined || compiled.status === 0, compiled.stderr);
  });
} else {
  test('examples: train_pytorch.py learns the toy people, and resumed it ends with the same model', async () => {
    const command = { argv: [python, PROGRAM], graceMs: 60_000 };
    const job = toyJob({ epochs: 6, learningRate: 0.005, batchSize: 16, strategy: 'command', command });
    const checkpoints: Uint8Array[] = [];
    const saveCheckpoint = async (state: Uint8Array) => void checkpoints.push(state);
    const outcome = await createCommandStrategy().train(job, quietContext({ saveCheckpoint }));
    assert.is(outcome.epochs, 6);
    assert.ok(outcome.validationRank1! >= 0.9, `rank-1 ${outcome.validationRank1}`);
    assert.is(checkpoints.length, 6);
    const resumed = await createCommandStrategy().train({ ...job, resumeFrom: checkpoints[2]! }, quietContext());
    assert.ok(Buffer.from(resumed.model).equals(outcome.model));
  });
}

test.run();
