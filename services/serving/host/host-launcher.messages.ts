/** The messages between a process that has model hosts and its launcher. */
export type ToLauncher =
  /** Said once, first: the program of a host. */
  | { readonly type: 'program'; readonly code: string }
  | { readonly type: 'launch'; readonly hostId: string; readonly socketPath: string };

export type FromLauncher =
  | { readonly type: 'launched'; readonly hostId: string; readonly pid: number }
  /** Also of a host that could not be started. */
  | { readonly type: 'ended'; readonly hostId: string; readonly reason: string };
