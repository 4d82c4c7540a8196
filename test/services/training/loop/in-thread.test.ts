import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineError } from '../../../../contracts/errors.ts';
import { trainInThread } from '../../../../services/training/loop/in-thread.ts';
import { quietContext, toyJob } from '../toy.ts';

const DYING = 'test/services/training/loop/dying.thread';

for (const [model, reason] of [
  ['exits', /run-1.*exit code 3/],
  ['throws', /run-1.*out of luck/],
] as const) {
  test(`training thread: one that ${model} is TRAINING_FAILED and may be tried again`, async () => {
    const work = { job: toyJob({}, { model }), engine: { type: 'onnx-graph' } } as const;
    const error = await trainInThread(work, quietContext(), DYING).catch((cause: unknown) => cause);
    assert.instance(error, PipelineError);
    const { code, retryable, message } = error as PipelineError;
    assert.is(code, 'TRAINING_FAILED');
    assert.ok(retryable);
    assert.match(message, reason);
  });
}

test.run();
