/**
 * An abort controller that follows another signal until it is let go. Used in place of AbortSignal.any, which in Node
 * 20 leaks with each call on a long-lived signal (nodejs/node#54614) and may lose a timeout to garbage collection, so
 * that it never fires (nodejs/node#57736).
 */
export interface LinkedAbort {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  /** Ends the link; call it in a `finally`. */
  unlink(): void;
}

export function linkAbort(parent: AbortSignal): LinkedAbort {
  const controller = new AbortController();
  const follow = () => controller.abort(parent.reason);
  if (parent.aborted) follow();
  else parent.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    // A controller keeps the reason of its first abort.
    abort: (reason) => controller.abort(reason),
    unlink: () => parent.removeEventListener('abort', follow),
  };
}
