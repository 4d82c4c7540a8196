/** An answer of the API that is kept fresh while it is shown: asked for again when something has happened, one at a time. */
import { useSignal, useSignalEffect, type Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError, getJson } from './api.ts';
import { beat, tick } from './live.ts';
import { loginAsked, token } from './session.ts';

export interface Resource<T> {
  readonly data: T | null;
  /** Of the latest try; what was there before stays. */
  readonly error: ApiError | null;
}

/** `path`: null asks nothing. `once`: not again, whatever happens, until `version` is another. `beats`: as time goes by, too. */
export function useResource<T>(path: string | null, { once = false, beats = false, version = '' } = {}): Resource<T> {
  const state: Signal<Resource<T>> = useSignal<Resource<T>>({ data: null, error: null });
  const asked = useRef({ path: null as string | null, isBusy: false, isStale: false });
  const shown = useRef(path);
  const look = async (): Promise<void> => {
    const current = asked.current;
    if (current.path === null) return;
    if (current.isBusy) return void (current.isStale = true);
    current.isBusy = true;
    const of = current.path;
    const answer = await getJson<T>(of).then(
      (data) => ({ data, error: null }),
      (error: unknown) => ({ data: state.peek().data, error: error as ApiError }), // call() throws no other.
    );
    current.isBusy = false;
    if (current.path === of) state.value = answer;
    if (answer.error?.status === 401) loginAsked.value = answer.error.message;
    if (current.path !== of || current.isStale) {
      current.isStale = false;
      await look();
    }
  };
  useEffect(() => {
    asked.current.path = path;
    if (shown.current !== path) state.value = { data: null, error: null };
    shown.current = path;
    void look(); // It rejects never.
    return () => void (asked.current.path = null);
  }, [path, version]);
  useSignalEffect(() => {
    // Read, so that each is a reason to look again.
    const count = tick.value + (beats ? beat.value : 0) + (token.value === null ? 0 : 1);
    if (count > 0 && !(once && state.peek().data !== null)) void look();
  });
  return state.value;
}
