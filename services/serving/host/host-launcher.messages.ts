/** The message of a process that has model hosts to its launcher. */
export interface ToLauncher {
  readonly type: 'launch';
  readonly hostId: string;
  readonly socketPath: string;
}

export type FromLauncher =
  | { readonly type: 'launched'; readonly hostId: string; readonly pid: number }
  /** Also of a host that could not be started. */
  | { readonly type: 'ended'; readonly hostId: string; readonly reason: string };
