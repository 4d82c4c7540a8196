/**
 * An outside training program that keeps the contract of docs/training-command.md and trains with our own strategy, so
 * that the conformance suite can be run through the contract: `node --import tsx own-strategy.ts <job.json>`.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError } from '../../../../contracts/errors.ts';
import { TrainingConfigSchema } from '../../../../contracts/configuration/training.ts';
import { ImageSpecSchema } from '../../../../contracts/dataset.ts';
import type { LabelledImages } from '../../../../services/data/strategy.ts';
import { decodeImage } from '../../../../services/data/images.ts';
import { decodeModel, encodeAgain } from '../../../../services/training/onnx/encoding.ts';
import { createOnnxGraphStrategy } from '../../../../services/training/onnx-graph.ts';
import { quietContext } from '../toy.ts';

// Written by the strategy under test; what does not fit shows as a failed test.
const job = JSON.parse(readFileSync(process.argv[2]!, 'utf8'));
const spec = ImageSpecSchema.parse(job.image);
const say = (line: object) => void process.stdout.write(`${JSON.stringify(line)}\n`);

const abort = new AbortController();
process.on('SIGTERM', () => abort.abort(new Error('asked to end')));

try {
  const outcome = await createOnnxGraphStrategy().train(
    {
      runId: job.runId,
      model: job.model,
      config: { ...TrainingConfigSchema.parse(job.config), maxDurationMs: Math.max(1000, job.maxDurationMs) },
      train: await load(job.paths.train),
      validation: job.paths.validation && (await load(job.paths.validation)),
      datasetDigest: job.datasetDigest,
      resumeFrom: job.paths.checkpoint && readFileSync(job.paths.checkpoint),
    },
    quietContext({
      signal: abort.signal,
      progress({ done, figures }) {
        const { loss, learningRate, imagesPerSecond, validationRank1: rank1 } = figures;
        // A report of a divergence has none.
        if (loss !== undefined) say({ type: 'progress', epoch: done, loss, learningRate, imagesPerSecond, rank1 });
      },
      async saveCheckpoint(state) {
        const path = `checkpoint-${process.hrtime.bigint()}`;
        writeFileSync(join(job.paths.output, path), state);
        say({ type: 'checkpoint', path });
      },
    }),
  );
  // Without our metadata, as a model from elsewhere comes.
  const foreign = decodeModel(outcome.model);
  foreign.metadataProps = [];
  writeFileSync(job.paths.model, encodeAgain(foreign));
} catch (error) {
  if (!(error instanceof PipelineError)) throw error;
  say({ type: 'failed', code: error.code, message: error.message });
  process.exitCode = 1;
}

/** In the order of the numbers in the files' names, which is that of the set. */
async function load(folder: string): Promise<LabelledImages> {
  const files = readdirSync(folder).flatMap((person) =>
    readdirSync(join(folder, person)).map((name) => ({
      name,
      person: Number(person),
      path: join(folder, person, name),
    })),
  );
  files.sort((a, b) => a.name.localeCompare(b.name));
  const pixels = await Promise.all(files.map(({ path, name }) => decodeImage(readFileSync(path), spec, name)));
  return {
    spec,
    pixels: Buffer.concat(pixels),
    classes: Int32Array.from(files, ({ person }) => person),
    labels: job.labels,
    count: files.length,
  };
}
