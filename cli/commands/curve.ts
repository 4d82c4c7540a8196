/**
 * `nightshift curve`: how a run's training went, pass by pass, as a table, as JSON, or as the picture stored with it.
 */
import { writeFile } from 'node:fs/promises';
import { parseData } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { CompletedSchemas, type Completed } from '../../contracts/messages.ts';
import { STREAMS, workEventSubject } from '../../contracts/subjects.ts';
import { LearningCurveSchema, type LearningCurve } from '../../contracts/training.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import type { Client } from '../client.ts';
import type { GlobalOptions } from '../global-options.ts';
import { withClient } from '../with-client.ts';
import { createTable } from '../table.ts';

export async function curveCommand(
  runId: string,
  { out, json }: { out?: string; json?: boolean },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async (client) => {
    const { points, picture } = await findCurve(client, runId);
    const blobs = createBlobStore(client.nc, 'nightshift curve');
    if (out !== undefined) await writeFile(out, await blobs.get(picture));
    const curve = LearningCurveSchema.parse(JSON.parse((await blobs.get(points)).toString()));
    process.stdout.write(json ? `${JSON.stringify(curve)}\n` : `${tableOf(curve)}\n`);
  });
}

/** From the event that ended the training. Throws RUN_UNKNOWN if there is none, or none with a curve. */
async function findCurve({ bus }: Client, runId: string): Promise<NonNullable<Completed<'train'>['learningCurve']>> {
  const completed = await bus.lastOn(STREAMS.events, workEventSubject('train', 'completed', runId));
  const curve = completed && parseData(CompletedSchemas.train, completed).learningCurve;
  if (curve) return curve;
  const reason = completed ? 'its training strategy left none' : 'no training of that run has completed';
  throw new PipelineError(
    'RUN_UNKNOWN',
    `no learning curve of ${runId}: ${reason}; \`nightshift runs\` lists all runs`,
  );
}

function tableOf({ runId, model, points }: LearningCurve): string {
  const table = createTable(['epoch', 'loss', 'validation loss', 'validation rank-1', 'learning rate', 'images/s'], {
    drops: ['learning rate', 'validation loss', 'images/s'],
  });
  const digits = (value: number | null | undefined) => (value == null ? '-' : value.toPrecision(3));
  for (const { epoch, loss, validationLoss, validationRank1, learningRate, imagesPerSecond } of points) {
    const rank1 = validationRank1 === null ? '-' : `${(100 * validationRank1).toFixed(1)} %`;
    table.push([epoch, digits(loss), digits(validationLoss), rank1, digits(learningRate), digits(imagesPerSecond)]);
  }
  return `${runId}  ${model}\n${table.toString()}`;
}
