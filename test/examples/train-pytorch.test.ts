/** The shipped PyTorch program, where Python has what it needs; NIGHTSHIFT_PYTHON names another interpreter. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCommandStrategy } from '../../services/training/command.ts';
import { quietContext, toyJob } from '../services/training/toy.ts';

const PROGRAM = join(import.meta.dirname, '../../examples/train_pytorch.py');
const python = process.env.NIGHTSHIFT_PYTHON ?? 'python3';
const probe = (code: string) => spawnSync(python, ['-c', code], { encoding: 'utf8' });
const missing = probe('import torch, PIL, onnxscript').status !== 0;

/** A net without batch-norm, so that the passes differ in nothing but their size. */
const GRADIENTS = `
def gradient(micro):
    torch.manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
    people = torch.nn.Parameter(torch.randn(2, 3))
    data = torch.randint(0, 256, (10, 1, 2, 2), dtype=torch.uint8), torch.arange(10) % 2
    updates = program.Updates(net, people, data, 10, micro)
    updates(program.draw(10, {"flip": True, "shiftPx": 1}, 1))
    return torch.cat([one.grad.flatten() for one in (*net.parameters(), people)]).tolist()
answer = {"whole": gradient(10), "parts": gradient(4)}`;

/** Runs `code`, which has the program as `program`, and returns its `answer`. */
function inPython<T>(code: string): T {
  const start = `import json, sys, torch\nsys.dont_write_bytecode = True\nsys.path.insert(0, ${JSON.stringify(dirname(PROGRAM))})`;
  const ran = probe(`${start}\nimport train_pytorch as program\n${code}\nprint(json.dumps(answer))`);
  assert.is(ran.status, 0, ran.stderr);
  return JSON.parse(ran.stdout) as T;
}

if (missing) {
  test(`examples: train_pytorch.py is not run, because ${python} lacks torch, pillow or onnxscript`, () => {
    const compiled = probe(`compile(open(${JSON.stringify(PROGRAM)}).read(), 'train_pytorch.py', 'exec')`);
    // Without any Python there is nothing that could be wrong with it here.
    assert.ok(compiled.error !== undefined || compiled.status === 0, compiled.stderr);
  });
} else {
  test('examples: train_pytorch.py learns the toy people, and resumed it ends with the same model', async () => {
    const command = { argv: [python, PROGRAM], graceMs: 60_000 };
    const augment = { flip: true, shiftPx: 1, brightness: 0, contrast: 0, cutoutPx: 0 };
    const job = toyJob({ epochs: 8, learningRate: 0.005, batchSize: 16, augment, strategy: 'command', command });
    const checkpoints: Uint8Array[] = [];
    const saveCheckpoint = async (state: Uint8Array) => void checkpoints.push(state);
    const outcome = await createCommandStrategy().train(job, quietContext({ saveCheckpoint }));
    assert.is(outcome.epochs, 8);
    assert.ok(outcome.validationRank1! >= 0.9, `rank-1 ${outcome.validationRank1}`);
    assert.is(checkpoints.length, 8);
    const resumed = await createCommandStrategy().train({ ...job, resumeFrom: checkpoints[4]! }, quietContext());
    assert.ok(Buffer.from(resumed.model).equals(outcome.model));
  });

  test('examples: passes of train_pytorch.py add up to the gradient of the whole batch, also of uneven parts', () => {
    const { whole, parts } = inPython<{ whole: number[]; parts: number[] }>(GRADIENTS);
    const norm = (values: number[]) => Math.hypot(...values);
    assert.ok(norm(whole) > 0.01, 'a gradient that is zero would equal anything');
    assert.ok(norm(whole.map((value, index) => value - parts[index]!)) / norm(whole) <= 1e-5);
  });

  test('examples: train_pytorch.py shows an image mirrored and moved as drawn, its edge repeated', () => {
    const shown = inPython<number[][]>(`
image = torch.arange(6, dtype=torch.uint8).reshape(1, 1, 2, 3)
rows = torch.tensor([[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, -1]])
answer = program.shown(image, rows).flatten(1).tolist()`);
    assert.equal(shown, [
      [0, 1, 2, 3, 4, 5],
      [2, 1, 0, 5, 4, 3],
      [0, 1, 2, 0, 1, 2],
      [1, 2, 2, 4, 5, 5],
    ]);
  });

  test('examples: train_pytorch.py rounds an update down to whole passes and takes one pass where none are asked for', () => {
    const sizes = inPython<number[][]>(`
config = lambda **rest: {"batchSize": 32, **rest}
answer = [program.sizes(config(), 100), program.sizes(config(microBatch=12), 100), program.sizes(config(microBatch=8), 5)]`);
    assert.equal(sizes, [
      [32, 32],
      [24, 12],
      [5, 5],
    ]);
  });
}

test.run();
