/** Runs of the pipeline as `nightshift run` starts and follows them, and what a client at the door sees meanwhile. */
import type { NatsConnection } from 'nats';
import type { Stage } from '../../contracts/subjects.ts';
import { startAndFollow, type RunEnd } from '../../cli/follow.ts';
import type { Bus } from '../../infra/messaging/bus.ts';
import { ask, MODEL } from './replicas.ts';

export interface Night extends RunEnd {
  /** The data of each stage's `completed` event. */
  readonly results: Partial<Record<Stage, Record<string, unknown>>>;
  /** Every state that was announced, in order. */
  readonly states: readonly string[];
}

/** Starts a run and resolves at its end, whichever it is. `force`: also if nothing has changed. */
export async function runNight(bus: Bus, runId: string, force = false): Promise<Night> {
  const results: Partial<Record<Stage, Record<string, unknown>>> = {};
  const states: string[] = [];
  const end = await startAndFollow(
    bus,
    { model: MODEL, runId, force },
    {
      progress: () => {},
      failed: () => {},
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
  readonly releases: readonly number[];
}

/** A client asks one thing after the other, without pause, while `use` runs. */
export async function whileAsking(
  nc: NatsConnection,
  images: readonly Uint8Array[],
  use: () => Promise<void>,
): Promise<Asked> {
  const asked = { answers: 0, failures: [] as string[], releases: [] as number[] };
  const isOver = { value: false };
  const asking = (async () => {
    for (let turn = 0; !isOver.value; turn++) await askOnce(nc, images[turn % images.length]!, asked);
  })();
  try {
    await use();
  } finally {
    isOver.value = true;
    await asking;
  }
  return asked;
}

async function askOnce(
  nc: NatsConnection,
  image: Uint8Array,
  asked: { answers: number; failures: string[]; releases: number[] },
) {
  try {
    const { status, body } = await ask(nc, 'identify', image);
    if (status !== 200) return void asked.failures.push(`${status} ${JSON.stringify(body)}`);
    asked.answers += 1;
    const release = Number(body['release']);
    if (!asked.releases.includes(release)) asked.releases.push(release);
  } catch (error) {
    asked.failures.push(String(error));
  }
}
