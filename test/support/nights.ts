/** Runs of the pipeline as `nightshift run` starts and follows them, and what a client at the door sees meanwhile. */
import type { NatsConnection } from 'nats';
import { startAndFollow, type RunEnd, type Stage } from '../../cli/follow.ts';
import type { Bus } from '../../infra/bus.ts';
import { ask, MODEL } from './replicas.ts';

export interface Night extends RunEnd {
  /** The data of each stage's `completed` event. */
  readonly results: Partial<Record<Stage, Record<string, unknown>>>;
  /** Every state that was announced, in order. */
  readonly states: readonly string[];
}

/** Starts a run and resolves at its end, whichever it is. */
export async function runNight(bus: Bus, runId: string): Promise<Night> {
  const results: Partial<Record<Stage, Record<string, unknown>>> = {};
  const states: string[] = [];
  const end = await startAndFollow(
    bus,
    { model: MODEL, runId },
    {
      progress: () => {},
      completed: (stage, data) => void (results[stage] = data),
      advanced: (state) => void states.push(state),
    },
  );
  return { ...end, results, states };
}

export interface Asked {
  readonly answers: number;
  /** Each request that was not answered with 200. */
  readonly failures: readonly string[];
  readonly epochs: readonly number[];
}

/** A client that asks one thing after the other without pause, until it is stopped. */
export function startAsking(nc: NatsConnection, images: readonly Uint8Array[]): { stop(): Promise<Asked> } {
  const failures: string[] = [];
  const epochs = new Set<number>();
  let answers = 0;
  let stopped = false;
  const askOne = async (image: Uint8Array) => {
    try {
      const { status, body } = await ask(nc, 'identify', image);
      if (status !== 200) return void failures.push(`${status} ${JSON.stringify(body)}`);
      answers += 1;
      epochs.add(Number(body['epoch']));
    } catch (error) {
      failures.push(String(error));
    }
  };
  const asking = (async () => {
    for (let turn = 0; !stopped; turn++) await askOne(images[turn % images.length]!);
  })();
  return {
    stop: async () => {
      stopped = true;
      await asking;
      return { answers, failures, epochs: [...epochs] };
    },
  };
}
