/** For tests of what goes wrong: the PipelineError that a promise or a function ends with. */
import * as assert from 'uvu/assert';
import { PipelineError } from '../../contracts/errors.ts';

/** Fails the test if there is no error, or one that is not an operating error. */
export async function failureOf(work: Promise<unknown> | (() => unknown)): Promise<PipelineError> {
  let error: unknown;
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (reason) {
    error = reason;
  }
  assert.instance(error, PipelineError);
  // assert.instance has just checked it; uvu's types do not narrow.
  return error as PipelineError;
}

/** The message of an error without a code. */
export function messageOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'it succeeded',
    (error: Error) => error.message,
  );
}
