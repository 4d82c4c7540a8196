/** An abort signal as a training thread sees it: something to ask between two steps. A real one fits, too. */
export type Stop = Pick<AbortSignal, 'throwIfAborted'>;
