/**
 * One worker of one stage over a real server, with its blobs in a folder: its start commands are published as the saga
 * publishes them, and the fact of its end is awaited. For tests of what an actor makes of a command.
 */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Worker } from '../../actors/worker.ts';
import type { BlobStore } from '../../contracts/blobs.ts';
import { COLLECTED } from '../../contracts/configuration/carried-schemas.ts';
import { CompletedSchemas, FailedSchema, StartSchemas, type Completed } from '../../contracts/messages.ts';
import { commandSubject, workEventSubject, type WorkStage } from '../../contracts/subjects.ts';
import type { LocalDefinitions } from '../../infra/config/local-definitions.ts';
import { createBus, type Bus, type Heard } from '../../infra/messaging/bus.ts';
import { withFolderBlobs } from './folder-blobs.ts';
import { definitionsOf } from './local.ts';
import { testLogger, withServer } from './server.ts';
import { until } from './wait.ts';

type Starter = (options: {
  readonly bus: Bus;
  readonly blobs: BlobStore;
  readonly local: LocalDefinitions;
  readonly log: Logger;
}) => Worker;

export interface OneStage<N extends WorkStage> {
  readonly blobs: BlobStore;
  /**
   * Publishes the command, whose settings are written as in the file of the worker, and answers what `completed` carries; throws, with its message,
   * what `failed` carries.
   */
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
      // The file of the machine is that of the latest run.
      let file = definitionsOf({});
      const own =
        (name: string) =>
        (...given: unknown[]) =>
          (file as unknown as Lookups)[name]!(...given);
      const looked = Object.fromEntries(['sources', 'faces', 'training', 'verification'].map((it) => [it, own(it)]));
      const worker = start({ bus, blobs, local: { ...file, ...looked }, log });
      const run = async (runId: string, command: object) => {
        file = definitionsOf({ face: writtenIn(command) });
        const data = StartSchemas[stage].parse({ runId, model: 'face', ...command, ...namedIn(command, file) });
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

type Lookups = Readonly<Record<string, (...given: unknown[]) => unknown>>;
type Settings = Readonly<Record<string, object | undefined>>;

/** A pipeline of the file, with the settings of the command. */
function writtenIn(command: object): object {
  const { pipeline, training, verification } = command as Settings;
  return { sources: [{ type: 'local', name: 'people' }], ...pipeline, training, verification };
}

/** The same settings as they travel. */
function namedIn(command: object, { pipelines }: LocalDefinitions): object {
  const carried = pipelines['face']! as unknown as Settings; // It was just written there.
  const collected = Object.keys(COLLECTED).map((name) => [name, carried[name]]);
  const all = {
    pipeline: Object.fromEntries(collected),
    training: carried['training'],
    verification: carried['verification'],
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => name in command));
}
