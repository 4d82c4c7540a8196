/**
 * The one table of operating errors. A code is API (scripts match on it); its text is not. The thrower says whether
 * trying again can help; one place (infra/messaging/conclude.ts) turns that into ack, nak or dead letter.
 */

/** Code -> what it means and what to do. `docs/errors.md` is held to this table by a test. */
export const ERRORS = {
  CONFIG_INVALID: 'The configuration file or an environment variable does not fit; the message names the field.',
  MESSAGE_MALFORMED: 'The message is not JSON, or its data does not fit the schema of its subject.',
  MESSAGE_TOO_LARGE: 'The message is larger than its subject allows; large things travel by reference.',
  LOCAL_SETTING:
    'The message carries what a local file alone may say, such as a program or path, or no setting; it lists all.',
  LOCAL_UNDEFINED:
    'The configuration file of this machine defines nothing under a name that is needed; the message says what to add.',
  MODEL_UNKNOWN: 'No pipeline is configured under that model name.',
  RUN_UNKNOWN: 'No run with that id is stored.',
  RUN_ACTIVE: 'Another run of the same model is under way; wait for it or cancel it.',
  RUN_VERSION_UNKNOWN: 'The run was saved by a version of the pipeline machine that this program does not know.',
  RUN_ENDED: 'The run has already ended, so the command cannot change it.',
  DEAD_LETTER_UNKNOWN: 'There is no such dead letter; it may have been sent again, dropped or grown too old.',
  DEAD_LETTER_CUT: 'The dead letter is not complete, so it cannot be sent again; publish the message anew.',
  REDRIVE_REFUSED:
    'The dead letter names a subject that is not of its stream, so it is not sent; look at it and drop it.',
  CONFIG_STALE: 'The configuration of the model has changed since it was looked at; look at it again and decide anew.',
  CONFIG_UNKNOWN:
    'The configuration has no such revision, or keeps it no longer; the message lists those that are kept.',
  SCHEDULE_UNKNOWN: 'The model has no schedule; write one into its configuration.',
  COMMAND_NOT_APPLICABLE: 'The command does not fit the state in which the run stands; the message names both.',
  APPROVAL_DENIED: 'A person rejected the candidate, or nobody approved it in time; the champion stays.',
  NO_PREVIOUS_RELEASE: 'There is no earlier release to roll back to.',
  RELEASE_NOT_RETAINED: 'The release is not among those that can be rolled back to; the message lists them.',
  RELEASE_UNTRUSTED:
    'The release, or the record that names it, is not signed as the trusted keys demand; the message says how.',
  RELEASE_STALE: 'The record is older than one that this replica has obeyed; somebody put an old one back.',
  RECORD_LOST: 'The record of the release in service is gone or old while a higher release is known; restore it.',
  RECORD_DAMAGED: 'A stored record is not as it was written; the message names it.',
  DEPLOYMENT_CONFLICT: 'The deployment record changed underneath the run; the run undoes its own part.',
  CHECKPOINT_CONFLICT: 'Another orchestrator saved the same checkpoint first; the step is taken again.',
  SOURCE_UNREACHABLE: 'A data source did not answer; check its address and that it runs.',
  SOURCE_INVALID: 'A data source answered with something that is not the page format.',
  IMAGE_UNREADABLE: 'The bytes are not a readable image (PNG, JPEG, WebP).',
  IMAGE_BLANK: 'The picture is one even area, so nobody can be in it; send a photograph.',
  IMAGE_TOO_LARGE: 'The image is larger than the configured limit in bytes or pixels.',
  FACE_NOT_FOUND: 'The detector finds no face in the photograph; come closer, turn to the camera, or take more light.',
  FACES_SEVERAL: 'Several people are in the photograph; take one of a single person, or set faces.onSeveral.',
  FACE_TOO_SMALL: 'The face has fewer pixels than faces.sizeMin; come closer, or send the photograph as it was taken.',
  FACE_TOO_BLURRED: 'The face is less sharp than faces.blurMin; hold still, or clean the lens.',
  DATASET_TOO_SMALL: 'Too few usable samples or people to train on; the message counts them.',
  BLOB_MISSING: 'A referenced object is not in its bucket; it may have been pruned.',
  BLOB_CORRUPT: 'A stored object does not match its digest.',
  NET_INVALID: 'The list of layers does not fit together; the message names the layer.',
  STRATEGY_UNAVAILABLE: 'The chosen strategy cannot run on this machine; the message says what to install or choose.',
  TRAINING_DIVERGED: 'The loss blew up twice, the second time at a lower rate; lower training.learningRate.',
  TRAINING_FAILED:
    'The training thread or program ended unexpectedly, or without a model; the message has its last words.',
  MODEL_INVALID:
    'The bytes are not an ONNX model with the expected input and output, or it hangs, crashes or wants too much memory.',
  MODEL_MISMATCH: 'The model loads, but answers differently from what the verifier saw.',
  HOST_FAILED: 'The process that runs a model ended or hung, and so did the one that took its place.',
  NOTIFICATION_FAILED: 'A receiver of notices did not take one; `nightshift notify test` says what comes back.',
  DISK_FULL: 'The disk is full, or too small for the streams of nats-server; the message says where.',
  MEMORY_FULL: 'The process had no memory left for this; see `supervisor.memoryMaxMiB`.',
  ACCOUNT_LIMIT: 'The account at nats-server allows less than is needed; the message names the limit.',
  OVERLOADED: 'The queue is full; try again after the hinted time.',
  DEADLINE_EXCEEDED: 'The answer would come after the deadline of the request.',
  GUARD_BREACHED:
    'The new release or canary failed too many requests, answered too slowly, or its scores differ too much.',
  RELEASE_NOT_REACHED: 'The replica does not serve the demanded release yet; the message says which it serves.',
  NOT_READY: 'No model is in service yet on this replica.',
  PERSON_UNKNOWN: 'The claimed person is not enrolled in the gallery that is in service.',
  SECOND_PERSON_NEEDED:
    'The change of the gallery needs the approval of a second person, on a server that proves who that is.',
  APPROVAL_UNKNOWN:
    'No such change of the gallery waits for approval; it may have been approved, rejected or grown too old.',
  GALLERY_FULL: 'The person has as many images, or the gallery as many people, as allowed; remove some first.',
  REQUEST_INVALID: 'The request body does not have the expected form.',
  STAGE_TIMEOUT: 'A stage passed its deadline, or its worker is gone and did not answer for it.',
  CANCELLED: 'An operator cancelled the work.',
  DELIVERIES_EXHAUSTED: 'The message was delivered as often as allowed and never handled.',
  JANITOR_UNKNOWN: 'No janitor has ever run against this server; start one, as `nightshift start` does.',
  ACTOR_FAILED:
    'The process of an actor ended again and again, or was told to end and did not; its last words are in the log.',
  NATS_UNAVAILABLE: 'No nats-server could be started or reached.',
  STREAM_FOREIGN:
    'A stream or bucket with our name, or on our subjects, is not ours; the message names it and the two ways out.',
  LAYOUT_UNKNOWN:
    'The streams on the server are of a version of Nightshift that this one does not know; the message says which.',
  LOGIN_REFUSED: 'The server refuses the login, or its certificate is not trusted; the message says what to change.',
  PERMISSION_DENIED:
    'The server refuses a subject to this identity; the message names both, docs/security.md the rights.',
  INTERNAL: 'An unexpected error; its stack is in the log of the actor that is named.',
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** Travels in events, replies and dead letters in place of an Error object. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  /** True if the same work may succeed later although nobody changes anything. */
  readonly retryable: boolean;
}

/** An operating error: something in the world is wrong, not the program. Programmer errors stay plain Errors. */
export class PipelineError extends Error {
  override readonly name = 'PipelineError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  /** Milliseconds after which it is worth trying again; null if that is unknown. */
  readonly retryAfterMs: number | null;

  constructor(
    code: ErrorCode,
    message: string,
    options: { retryable?: boolean; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/** An unexpected error counts as retryable: a redelivery meets another moment, and the delivery limit ends it. */
export function toFailure(error: unknown): Failure {
  if (error instanceof PipelineError) return { code: error.code, message: error.message, retryable: error.retryable };
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error), retryable: true };
}

/** Closes a switch over a union: a new member that nobody handles is a type error here. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value ${JSON.stringify(value)}`);
}
