/**
 * A subject that nats-server refuses to us. The client reports it apart from the work that it befalls, so this keeps the
 * first one of each connection, for the start of an actor, and finds it among the causes of an error, for conclude.ts.
 * Written by connection.ts.
 */
import { PermissionViolationError, type NatsConnection } from '@nats-io/nats-core';
import { PipelineError } from '../../contracts/errors.ts';

interface Watch {
  /** The role, or the name of the connection. */
  readonly who: string;
  readonly first: Promise<PipelineError>;
  readonly tell: (denial: PipelineError) => void;
}

const watches = new WeakMap<NatsConnection, Watch>();

/** Called once for a connection. */
export function watchDenials(nc: NatsConnection, who: string): void {
  let tell: Watch['tell'] = () => {};
  const first = new Promise<PipelineError>((resolve) => (tell = resolve));
  watches.set(nc, { who, first, tell });
}

/** Tells those who wait for the first one. */
export function reportDenial(nc: NatsConnection, violation: PermissionViolationError): PipelineError {
  const watch = watches.get(nc);
  const denial = denialOf(violation, watch?.who ?? 'this connection');
  watch?.tell(denial);
  return denial;
}

/** Rejects with PERMISSION_DENIED as soon as anything is refused on the connection; else it stays open. */
export async function firstDenial(nc: NatsConnection): Promise<never> {
  const watch = watches.get(nc);
  if (watch === undefined) return new Promise<never>(() => {});
  throw await watch.first;
}

/** The error itself, or PERMISSION_DENIED if a refused subject is its cause: no repetition mends that. */
export function unlessDenied(error: unknown, nc: NatsConnection): unknown {
  const violation = violationIn(error);
  return violation === null ? error : denialOf(violation, watches.get(nc)?.who ?? 'this connection');
}

/** Throws PERMISSION_DENIED if a refused subject is the cause of the error. */
export function throwDenied(error: unknown, nc: NatsConnection): void {
  const violation = violationIn(error);
  if (violation !== null) throw unlessDenied(violation, nc);
}

/** The client wraps it in other errors, and so do we. */
export function violationIn(error: unknown): PermissionViolationError | null {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof PermissionViolationError) return cause;
  }
  return null;
}

function denialOf(violation: PermissionViolationError, who: string): PipelineError {
  const verb = violation.operation === 'publish' ? 'publish to' : 'subscribe';
  return new PipelineError(
    'PERMISSION_DENIED',
    `${who} may not ${verb} ${violation.subject}: nats-server refuses it; \`nightshift auth export\` prints the rights that ${who} needs`,
    { cause: violation },
  );
}
