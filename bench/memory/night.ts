/**
 * What the measured actors are told to do: a collection of a folder, a verification of two models with random weights on
 * its snapshot, which needs the memory of trained ones, and the forgetting of one person.
 */
import { randomUUID } from 'node:crypto';
import type { NatsConnection } from 'nats';
import { z } from 'zod';
import { carriedOf } from '../../contracts/configuration/separate.ts';
import { PipelineConfigSchema } from '../../contracts/configuration/pipeline.ts';
import type { ImageSpec } from '../../contracts/dataset.ts';
import type { JanitorCommand } from '../../contracts/forgetting.ts';
import { CompletedSchemas, FailureSchema, StartSchemas } from '../../contracts/messages.ts';
import type { BlobRef } from '../../contracts/references.ts';
import type { ModelPair } from '../../contracts/release.ts';
import {
  commandSubject,
  janitorCommandSubject,
  janitorEventSubject,
  workEventSubject,
} from '../../contracts/subjects.ts';
import { ConfigSchema, type Config } from '../../infra/config/config.ts';
import { createBus, type Bus } from '../../infra/messaging/bus.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { openForgotten } from '../../infra/stores/forgotten-store.ts';
import { createLogger } from '../../runtime/logger.ts';
import { personHash } from '../../services/forgetting/name.ts';
import { exportModel } from '../../services/training/model/export.ts';
import { resolveNet } from '../../services/training/nets/nets.ts';
import { initialState } from '../../services/training/nets/parameters.ts';
import { personName } from './pictures.ts';

export interface Night {
  readonly config: Config;
  collect(): Promise<void>;
  verify(): Promise<void>;
  /** With the verified pair in service, whose data tonight's are compared with. */
  collectAgain(): Promise<void>;
  forget(): Promise<void>;
}

const MODEL = 'face';
export const IMAGE: ImageSpec = { width: 112, height: 112, channels: 3 };
const NET = 'face-small';

export async function openNight(nc: NatsConnection, folder: string): Promise<Night> {
  const pipeline = PipelineConfigSchema.parse({
    sources: [{ type: 'directory', name: 'pictures', path: folder }],
    image: IMAGE,
  });
  const { noun, sources, strangers, image, split, checks, decision, verification } = carriedOf(MODEL, pipeline);
  const log = createLogger({ level: 'silent' });
  const bus = await createBus({ nc, source: 'bench', log, now: () => new Date(), newId: randomUUID });
  const blobs = createBlobStore(nc, 'bench');
  let dataset: BlobRef | null = null;
  let inService: ModelPair | null = null;
  const order = async <Stage extends 'collect' | 'verify'>(stage: Stage, data: object, runId = `bench-${stage}`) => {
    const command = StartSchemas[stage].parse({ runId, model: MODEL, ...data });
    const end = endOf(bus, (fact) => workEventSubject(stage, fact, runId));
    await bus.publish(commandSubject(stage, 'start', runId), command, { id: `${runId}.start` });
    return CompletedSchemas[stage].parse(await end);
  };
  const collected = { noun, sources, strangers, image, split, checks, decision };
  return {
    config: ConfigSchema.parse({ models: { [MODEL]: pipeline }, log: { level: 'error' } }),
    collect: async () => {
      dataset = CompletedSchemas.collect.parse(await order('collect', { pipeline: collected })).dataset;
    },
    verify: async () => {
      if (!dataset) throw new Error('bench: nothing was collected');
      const [candidate, model] = await Promise.all(
        [1, 2].map((seed) => blobs.put('MODELS', `bench-${seed}/model.onnx`, modelOf(seed))),
      );
      const champion = { runId: 'bench-2', model, gallery: model, golden: model };
      const ended = await order('verify', { dataset, candidate, champion, noun, verification, decision });
      const { gallery, golden } = CompletedSchemas.verify.parse(ended);
      inService = { model: candidate!, gallery, golden, runId: 'bench-collect', dataset };
    },
    collectAgain: async () => {
      if (!inService) throw new Error('bench: nothing was verified');
      await order('collect', { pipeline: collected, champion: inService }, 'bench-collect-again');
    },
    forget: async () => {
      const salt = await (await openForgotten(nc)).salt();
      const command: JanitorCommand = {
        ...{ id: 'bench-forget', mode: 'forget', block: true },
        person: personHash(personName(0), salt ?? ''),
      };
      const end = endOf(bus, (fact) => janitorEventSubject(fact, command.id));
      await bus.publish(janitorCommandSubject(command.id), command, { id: command.id });
      await end;
    },
  };
}

/** Resolves with the data of what is told as `completed`, and throws the message of `failed`. */
function endOf(bus: Bus, subjectOf: (fact: 'completed' | 'failed') => string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const listen = (fact: 'completed' | 'failed', end: (data: unknown) => void) =>
      bus.listen(subjectOf(fact), ({ envelope: { data } }) => {
        for (const listening of both) listening.stop();
        end(data);
      });
    const both = [
      listen('completed', resolve),
      listen('failed', (data) => reject(new Error(FailedDataSchema.parse(data).failure.message))),
    ];
  });
}

/** As much of it as workers and the janitor have in common. */
const FailedDataSchema = z.object({ failure: FailureSchema });

/** Random weights cost what trained ones do. */
export function modelOf(seed: number): Uint8Array {
  const net = resolveNet(NET, IMAGE);
  return exportModel(net, initialState({ net, classes: 2 }, seed), {
    ...{ model: MODEL, runId: `bench-${seed}`, datasetDigest: `sha256:${'0'.repeat(64)}`, image: IMAGE, metrics: {} },
    ...{ embeddingDimensions: net.dimensions, classes: 2, framework: 'none: random weights' },
  });
}
