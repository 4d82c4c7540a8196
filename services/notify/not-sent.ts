/** The one error of sending a notice. It is always worth another try: a receiver, an address or a secret can be mended meanwhile. */
import { PipelineError } from '../../contracts/errors.ts';

export const notSent = (message: string, cause?: unknown) =>
  new PipelineError('NOTIFICATION_FAILED', message, { retryable: true, cause });
