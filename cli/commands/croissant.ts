/** `nightshift data croissant <run>`: the snapshot of a run as Croissant JSON-LD, from what the verifier has stored of it. */
import { writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.ts';
import { BlobRefSchema } from '../../contracts/references.ts';
import { API } from '../../contracts/subjects.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { croissantOf } from '../../services/report/croissant.ts';
import type { DataSummary } from '../../services/report/data-summary.ts';
import { beside, DATA_FILE } from '../../services/report/files.ts';
import type { GlobalOptions } from '../global-options.ts';
import { withClient } from '../with-client.ts';

/** Of a run's memory. */
const MemorySchema = z.object({ dataset: BlobRefSchema, verification: z.object({ report: BlobRefSchema }) });

export async function croissantCommand(runId: string, { out }: { out?: string }, global: GlobalOptions): Promise<void> {
  const text = await withClient(global, async ({ nc, ask }) => {
    const { model, startedAt, updatedAt, timeline, context } = await ask(API.run, { runId });
    const memory = MemorySchema.safeParse(context);
    if (!memory.success)
      throw new PipelineError(
        'COMMAND_NOT_APPLICABLE',
        `no description of the data of ${runId}: the run has no verification, which stores it`,
      );
    const { dataset, verification } = memory.data;
    const blobs = createBlobStore(nc, 'nightshift data');
    const found = await blobs.find('REPORTS', beside(verification.report, DATA_FILE));
    // Only a verifier writes it.
    const data = found && (JSON.parse((await blobs.get(found)).toString()) as DataSummary);
    if (!data?.shards)
      throw new PipelineError('COMMAND_NOT_APPLICABLE', `run ${runId}: its shards are not listed, as before 0.6.0`);
    const collectedAt = timeline.find(({ state }) => !state.startsWith('collecting'))?.at ?? updatedAt;
    const input = { data, model, runId, snapshot: dataset.digest, startedAt, collectedAt };
    return `${JSON.stringify(croissantOf(input), null, 2)}\n`;
  });
  if (out === undefined) process.stdout.write(text);
  else await writeFile(out, text);
}
