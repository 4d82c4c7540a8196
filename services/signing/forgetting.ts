/**
 * The word of a janitor that content was written anew without somebody: by it alone a gallery that a verifier has signed is
 * read as another one. Demanded wherever verifiers have to sign.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { BlobRef } from '../../contracts/references.ts';
import {
  ForgettingStatementSchema,
  type EnvelopeOfStatement,
  type ForgettingStatement,
} from '../../contracts/signing.ts';
import { lackOfSigners, signersOf, statementIn } from './dsse.ts';
import { demanded, type Signing } from './signing.ts';
import { subjectOf } from './statement.ts';

const forgettingStatement = (replaces: string, now: BlobRef): ForgettingStatement => ({
  _type: 'https://in-toto.io/Statement/v1',
  subject: [subjectOf(now.key, now)],
  predicateType: 'https://nightshift.dev/forgetting/v1',
  predicate: { replaces },
});

/** A janitor whose word would not be believed must not begin. Throws CONFIG_INVALID. */
export function refuseMuteJanitor(signing: Signing): void {
  if (demanded(signing, 'verifier') && !signing.keyOf('janitor')) throw muteJanitor();
}

export const muteJanitor = () =>
  new PipelineError(
    'CONFIG_INVALID',
    'releases are signed here, and this janitor has no key: what it writes anew would not be read; ' +
      '`nightshift keys rotate janitor` makes one, which belongs into the folder of releases.keysDir',
  );

/** Null if this process has no key. */
export const signForward = (signing: Signing, replaces: string, now: BlobRef): EnvelopeOfStatement | null =>
  signing.sign('janitor', forgettingStatement(replaces, now));

/** Throws RELEASE_UNTRUSTED where releases are signed and no trusted janitor says that `now` is what is left of `replaces`. */
export const checkForwards =
  (signing: Signing) =>
  (replaces: string, now: BlobRef, statement: EnvelopeOfStatement | null): void => {
    const trust = demanded(signing, 'verifier');
    if (!trust) return;
    const what = `${now.bucket}/${now.key} in place of ${replaces}`;
    const refuse = (why: string) => new PipelineError('RELEASE_UNTRUSTED', `${what} is refused: ${why}`);
    if (!statement) throw refuse('no janitor has signed it');
    if (signersOf(statement, 'janitor', trust).length === 0) throw refuse(lackOfSigners(statement, 'janitor', trust));
    const { subject, predicate } = statementIn(ForgettingStatementSchema, statement, what);
    const isMeant = subject.some(({ digest }) => `sha256:${digest.sha256}` === now.digest);
    if (!isMeant || predicate.replaces !== replaces) throw refuse('its janitor speaks of something else');
  };
