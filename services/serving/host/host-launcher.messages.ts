/** What a process that has model hosts and its launcher say to each other. */
export type ToLauncher =
  /** Said once, first: the program of a host. */
  | { readonly type: 'program'; readonly code: string }
  | { readonly type: 'launch'; readonly hostId: string; readonly socketPath: string };

export type FromLauncher =
  | { readonly type: 'launched'; readonly hostId: string; readonly pid: number }
  /** Also of one that could not be started. */
  | { readonly type: 'ended'; readonly hostId: string; readonly reason: string };
