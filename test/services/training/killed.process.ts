/**
 * A training by two executors in a process of its own, for killed.test.ts: goes on from the checkpoint in the folder of argv[2], writes
 * `saved <step>` after each checkpoint, and `done <SHA-256 of model and weights>`. It kills itself with -9 when it hears
 * that the pass of argv[3] is over: at that point, however busy the machine is.
 */
import { createHash } from 'node:crypto';
import { createOnnxGraphStrategy } from '../../../services/training/onnx-graph.ts';
import { readSafetensors } from '../../../services/safetensors.ts';
import { createFolderBlobs } from '../../support/folder-blobs.ts';
import { quietContext, toyJob } from './toy.ts';

const KEY = 'training-checkpoint';
const blobs = createFolderBlobs(process.argv[2]!);
const stored = await blobs.find('MODELS', KEY);
const { model, weights } = await createOnnxGraphStrategy().train(
  toyJob(
    { epochs: 40, checkpointEverySteps: 1, microBatch: 4, threads: 2 },
    { resumeFrom: stored && (await blobs.get(stored)) },
  ),
  quietContext({
    progress: ({ done }) => {
      if (done === Number(process.argv[3])) process.kill(process.pid, 'SIGKILL');
    },
    saveCheckpoint: async (state) => {
      await blobs.put('MODELS', KEY, state);
      const { step } = JSON.parse(readSafetensors(state, KEY).metadata['position']!) as { step: number };
      console.log(`saved ${step}`);
    },
  }),
);
console.log(`done ${createHash('sha256').update(model).update(weights!).digest('hex')}`);
