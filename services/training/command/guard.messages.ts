/** What the trainer and the guard of an outside program say to each other. */

export type ToGuard =
  | {
      readonly type: 'start';
      readonly file: string;
      readonly args: readonly string[];
      readonly cwd: string | undefined;
      readonly env: Readonly<Record<string, string>>;
    }
  /** At once, with all that it started. */
  | { readonly type: 'kill' };

export type FromGuard =
  | { readonly type: 'started' }
  /** `reason` as the operating system gives it. */
  | { readonly type: 'unstartable'; readonly reason: string }
  | { readonly type: 'ended'; readonly code: number | null; readonly signal: NodeJS.Signals | null };
