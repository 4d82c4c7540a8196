/**
 * One worker of one stage over a real server, with its blobs in a folder: its start commands are published as the saga
 * publishes them, and the fact of its end is awaited. For tests of what an actor makes of a command.
 */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Worker } from '../../actors/worker.ts';
import type { BlobStore } from '../../contracts/blobs.ts';
import { CompletedSchemas, FailedSchema, StartSchemas, type Completed } from '../../contracts/messages.ts';
import { commandSubject, workEventSubject, type WorkStage } from '../../contracts/subjects.ts';
import { createBus, type Bus, type Heard } from '../../infra/messaging/bus.ts';
import { withFolderBlobs } from './folder-blobs.ts';
import { testLogger, withServer } from './server.ts';
import { until } from './wait.ts';

type Starter = (options: { readonly bus: Bus; readonly blobs: BlobStore; readonly log: Logger }) => Worker;

export interface OneStage<N extends WorkStage> {
  readonly blobs: BlobStore;
  /** Publishes the command and answers what `completed` carries; throws, with its message, what `failed` carries. */
  run(runId: string, command: object): Promise<Completed<N>>;
}

export function withOneStage<N extends WorkStage>(
  stage: N,
  start: Starter,
  use: (stage: OneStage<N>) => Promise<void>,
): Promise<void> {
  return withFolderBlobs((blobs) =>
    withServer(async (server) => {
      const log = testLogger();
      const nc = await server.connect(stage);
      const bus = await createBus({ nc, source: 'test', log, now: () => new Date(), newId: randomUUID });
      const heard: Heard[] = [];
      const listening = bus.listen('nightshift.evt.>', (event) => void heard.push(event));
      const worker = start({ bus, blobs, log });
      const run = async (runId: string, command: object) => {
        const data = StartSchemas[stage].parse({ runId, model: 'face', ...command });
        await bus.publish(commandSubject(stage, 'start', runId), data, { id: `${runId}.${stage}.1` });
        const endOf = (fact: 'completed' | 'failed') =>
          heard.find(({ subject }) => subject === workEventSubject(stage, fact, runId));
        const end = await until(() => endOf('completed') ?? endOf('failed'), `the end of ${stage} of ${runId}`);
        if (end === endOf('failed')) throw new Error(FailedSchema.parse(end.envelope.data).failure.message);
        // The schema is chosen by the stage; TypeScript does not follow the correlation through the index.
        return CompletedSchemas[stage].parse(end.envelope.data) as Completed<N>;
      };
      try {
        await use({ blobs, run });
      } finally {
        listening.stop();
        await worker.stop();
      }
    }),
  );
}
