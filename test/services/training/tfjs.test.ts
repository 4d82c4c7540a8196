/** The same suite on TensorFlow.js's plain JavaScript backend: slow, but the code of the strategy is the same. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createTfjsStrategy } from '../../../services/training/tfjs.ts';
import { quietContext, toyJob } from './toy.ts';
import { checkTrainingStrategy } from './training.conformance.ts';

checkTrainingStrategy(createTfjsStrategy({ packages: ['@tensorflow/tfjs'] }));

test('tfjs: where no package loads it says what to do', async () => {
  const strategy = createTfjsStrategy({ packages: ['@tensorflow/not-installed'] });
  try {
    await strategy.train(toyJob(), quietContext());
    assert.unreachable();
  } catch (error) {
    assert.is((error as { code?: string }).code, 'STRATEGY_UNAVAILABLE');
    assert.match((error as Error).message, /not-installed.*npm run setup:gpu.*onnx-graph/s);
  }
});

test.run();
