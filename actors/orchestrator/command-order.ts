/**
 * The order in which operator commands are obeyed within a process. Starts of different models do not concern each
 * other and go side by side, so that a hundred models start in the time of one. Any other command waits for all that
 * came before it, and all that come after wait for it.
 */

export interface CommandOrder {
  /** In turn with the commands before it, except starts of other models. */
  start<T>(model: string, obey: () => Promise<T>): Promise<T>;
  /** In turn with all commands before it. */
  alone<T>(obey: () => Promise<T>): Promise<T>;
}

export function createCommandOrder(): CommandOrder {
  let lastAlone: Promise<unknown> = Promise.resolve();
  /** Since then, the last of each model that has not ended. */
  const starts = new Map<string, Promise<unknown>>();
  return {
    start: async (model, obey) => {
      const turn = Promise.allSettled([starts.get(model) ?? lastAlone]).then(obey);
      starts.set(model, turn);
      try {
        return await turn;
      } finally {
        if (starts.get(model) === turn) starts.delete(model);
      }
    },
    alone: (obey) => {
      const turn = Promise.allSettled([lastAlone, ...starts.values()]).then(obey);
      starts.clear();
      lastAlone = turn;
      return turn;
    },
  };
}
