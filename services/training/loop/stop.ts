/** What is left of an abort signal in a training thread: something to ask between two steps. A real one fits, too. */
export type Stop = Pick<AbortSignal, 'throwIfAborted'>;
