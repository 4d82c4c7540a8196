/**
 * The NATS client ends each request, an answered one as well, with an error that nobody sees, and to take its stack trace is
 * a fourteenth of a busy orchestrator's time. Here an answered request ends without; all others end as before. Called by
 * connection.ts. As in RequestOne of @nats-io/nats-core 3.4.0: look at it again when that package is raised.
 */
import type { Msg } from '@nats-io/nats-core';
import { RequestOne } from '@nats-io/nats-core/internal';

let isSpared = false;

export function spareErrorsOfAnswers(): void {
  if (isSpared) return;
  isSpared = true;
  const { resolver } = RequestOne.prototype;
  RequestOne.prototype.resolver = function (this: RequestOne, error: Error | null, message: Msg): void {
    if (error) return resolver.call(this, error, message);
    this.timer.cancel();
    this.deferred.resolve(message);
    this.mux.cancel(this);
  };
}
