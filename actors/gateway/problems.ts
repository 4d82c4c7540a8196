/**
 * Errors of operation in the words of HTTP: the status, how long to wait, and a body after RFC 9457 (problem details). The
 * Open Inference Protocol has a body of its own. Pure; server.ts and oip/ send what is made here.
 */
import { PipelineError, toFailure, type ErrorCode } from '../../contracts/errors.ts';
import { inferStatus } from '../../contracts/inference.ts';

export interface Problem {
  /** `about:blank` would say nothing: the page of all codes. */
  readonly type: string;
  readonly title: ErrorCode;
  readonly status: number;
  readonly detail: string;
  readonly retryable: boolean;
}

export interface HttpFailure {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly problem: Problem;
}

const PAGE = 'docs/errors.md#';

/** Other than on the data plane, which knows no 401, 409 or 412. */
const STATUS_OF: Readonly<Partial<Record<ErrorCode, number>>> = {
  LOGIN_REFUSED: 401,
  PERMISSION_DENIED: 403,
  CONFIG_STALE: 409,
  RUN_ACTIVE: 409,
  RUN_ENDED: 409,
  COMMAND_NOT_APPLICABLE: 409,
  DEPLOYMENT_CONFLICT: 409,
  CHECKPOINT_CONFLICT: 409,
  NO_PREVIOUS_RELEASE: 409,
  RELEASE_NOT_RETAINED: 409,
  RELEASE_NOT_REACHED: 412,
  IMAGE_TOO_LARGE: 413,
  MESSAGE_TOO_LARGE: 413,
  MESSAGE_MALFORMED: 400,
  LOCAL_SETTING: 400,
  LOCAL_UNDEFINED: 400,
  NATS_UNAVAILABLE: 503,
};

/** Worth another try after a second, if nobody knows better. */
const AGAIN_LATER: readonly number[] = [429, 503];
const AGAIN_S = 1;

export function statusOf(code: ErrorCode): number {
  if (code.endsWith('_UNKNOWN')) return 404;
  return STATUS_OF[code] ?? inferStatus(code);
}

/** HTTP counts in whole seconds; the exact hint stands beside it. */
export function failureOf(error: unknown): HttpFailure {
  const { code, message, retryable } = toFailure(error);
  const status = statusOf(code);
  const afterMs = error instanceof PipelineError ? error.retryAfterMs : null;
  // Of an unexpected error nothing goes out but that it happened: its text may hold anything.
  const detail = code === 'INTERNAL' ? 'an unexpected error; the log of the gateway has it' : message;
  return {
    status,
    headers: {
      ...(status === 401 ? { 'www-authenticate': 'Bearer realm="nightshift"' } : {}),
      ...(AGAIN_LATER.includes(status) ? { 'retry-after': String(Math.ceil((afterMs ?? 0) / 1000) || AGAIN_S) } : {}),
      ...(afterMs === null ? {} : { 'nightshift-retry-after-ms': String(Math.ceil(afterMs)) }),
    },
    problem: { type: `${PAGE}${code.toLowerCase()}`, title: code, status, detail, retryable },
  };
}
