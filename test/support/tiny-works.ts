/** Workers whose runs end in a tiny model that can be loaded: a real deployment without a real training. */
import type { BlobStore } from '../../contracts/blobs.ts';
import type { ModelPair } from '../../contracts/release.ts';
import { trivialWorks, type Works } from './saga.ts';
import { storeTinyPair, type TinyPairOptions } from './tiny-data.ts';

/** `optionsOf` says what the model of a run is like. */
export function tinyWorks(
  blobs: BlobStore,
  optionsOf: (runId: string) => Omit<TinyPairOptions, 'runId'>,
): Partial<Works> {
  const pairs = new Map<string, Promise<ModelPair>>();
  const pairOf = (runId: string) => {
    const pair = pairs.get(runId) ?? storeTinyPair(blobs, { runId, ...optionsOf(runId) });
    pairs.set(runId, pair);
    return pair;
  };
  return {
    train: async (command, context) => {
      const { model } = await pairOf(command.runId);
      return { ...(await trivialWorks.train(command, context)), model };
    },
    verify: async (command, context) => {
      const { gallery, golden } = await pairOf(command.runId);
      return { ...(await trivialWorks.verify(command, context)), gallery, golden };
    },
  };
}
