/**
 * Which models a process serves: those that are configured in the system. A model that is applied while it runs gets its
 * replicas, one that is removed loses them. Called by main.ts, which knows how a replica is started.
 */
import { toFailure } from '../../contracts/errors.ts';
import type { ConfigLook } from '../../infra/stores/config-store.ts';
import type { Logger } from '../../runtime/logger.ts';
import { FOREVER, retry, type RetryPolicy } from '../../runtime/retry.ts';

interface Stoppable {
  stop(): Promise<void>;
}

export interface FollowModelsOptions {
  readonly configs: ConfigLook;
  /** All replicas of a model. */
  readonly start: (model: string) => Promise<Stoppable>;
  readonly log: Logger;
}

/** A watch that ends has lost its server, which takes some seconds to come back. */
const WATCH_AGAIN: RetryPolicy = {
  attemptsMax: FOREVER,
  pauseMs: 500,
  growth: { factor: 2, pauseMaxMs: 10_000 },
  isWorthIt: () => true,
};

/** Resolves when the replicas of all models that are configured have started. Throws if one of them cannot. */
export async function followModels({ configs, start, log }: FollowModelsOptions): Promise<Stoppable> {
  const running = new Map<string, Stoppable>();
  const first = (await configs.list()).filter(({ value }) => value.pipeline !== null).map(({ value }) => value.model);
  await Promise.all(first.map(async (model) => running.set(model, await start(model))));
  if (first.length === 0) log.warn({}, WAITS);

  let turn = Promise.resolve();
  const toBe = (model: string, isWanted: boolean) => {
    turn = turn.then(async () => {
      const replicas = running.get(model);
      if (stopping.signal.aborted || (replicas !== undefined) === isWanted) return;
      try {
        if (isWanted) running.set(model, await start(model));
        else running.delete(model);
        await replicas?.stop();
        log.info(
          { model },
          isWanted ? 'inference: a model was applied; it is served' : 'inference: a model was removed',
        );
      } catch (error) {
        log.error(
          { model, ...toFailure(error) },
          'inference: replicas of the model could not be changed; start it again',
        );
      }
    });
  };

  const stopping = new AbortController();
  const following = retry(
    {
      ...WATCH_AGAIN,
      signal: stopping.signal,
      onFailure: (err) => log.warn({ err }, 'inference: the watch of the configuration ended; opening it again'),
    },
    async () => {
      const watch = await configs.watch(
        '>',
        ({ value }) => toBe(value.model, value.pipeline !== null),
        (failure) => log.error(failure, 'inference: a configuration cannot be read; its model is served as before'),
      );
      const stop = () => watch.stop();
      stopping.signal.addEventListener('abort', stop, { once: true });
      if (stopping.signal.aborted) stop();
      await watch.ended;
      if (!stopping.signal.aborted) throw new Error('the watch ended');
    },
  );
  return {
    stop: async () => {
      stopping.abort();
      await following.catch((error) =>
        log.debug({ err: error }, 'inference: the watch of the configuration was stopped'),
      );
      await turn;
      await Promise.all([...running.values()].map((replicas) => replicas.stop()));
    },
  };
}

const WAITS =
  'inference waits: no model is configured in the system; `nightshift apply -f nightshift.config.json` configures those of a file';
