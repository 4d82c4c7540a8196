/** Opens a model that loops for ever behind a wall and runs it, for walled-session.test.ts; writes `open` before. */
import { Tensor } from 'onnxruntime-node';
import { FOREIGN_MODEL_LIMITS } from '../../../../contracts/configuration/training.ts';
import { openWalled } from '../../../../services/training/walled/walled-session.ts';
import { loopingModel } from '../../../support/hostile-models.ts';

const session = await openWalled(loopingModel(), { limits: FOREIGN_MODEL_LIMITS });
process.stdout.write('open\n');
await session.run({ images: new Tensor('float32', new Float32Array(256), [1, 1, 16, 16]) }, ['embeddings']);
