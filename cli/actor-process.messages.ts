/** The messages between `nightshift start` and the process of one actor. */
import type { Failure } from '../contracts/errors.ts';
import type { Config } from '../infra/config/config.ts';
import type { LogLevel } from '../runtime/logger.ts';

export interface StartActor {
  readonly type: 'start';
  readonly url: string;
  /** For its note on whether it is ready. */
  readonly system: string;
  /** With no login but the actor's own. */
  readonly config: Config;
}

/** `graceMs`: within which it has ended, whatever hangs in it. `reload`: at this level it logs, and its login is read anew. */
export type ToActor =
  | StartActor
  | { readonly type: 'stop'; readonly graceMs: number }
  | { readonly type: 'reload'; readonly level: LogLevel };

/** `up`: it works. `failed`: it could not be started, and ends. */
export type FromActor = { readonly type: 'up' } | { readonly type: 'failed'; readonly failure: Failure };
