/** All that the steps of a forgetting need: the stores, the person, and what was found of them so far. */
import type { BlobStore } from '../../contracts/blobs.ts';
import type { Bus } from '../../infra/messaging/bus.ts';
import type { Eraser } from '../../infra/stores/eraser.ts';
import type { ForgottenMark } from '../../infra/stores/enrolment-log.ts';
import type { ForgottenStore } from '../../infra/stores/forgotten-store.ts';
import type { Logger } from '../../runtime/logger.ts';
import { mentionsOf } from '../../services/forgetting/name.ts';
import type { Signing } from '../../services/signing/signing.ts';
import type { Theirs } from '../../services/forgetting/json-without.ts';
import { pngDigest, type PersonFound } from '../../services/forgetting/snapshot-without.ts';
import type { Tally } from './tally.ts';

export interface JanitorStores {
  readonly bus: Bus;
  readonly blobs: BlobStore;
  readonly eraser: Eraser;
  readonly forgotten: ForgottenStore;
  readonly signing: Signing;
  /** Tells the replicas of a model. */
  readonly publishForgotten: (model: string, mark: ForgottenMark) => Promise<number>;
  readonly log: Logger;
  readonly now: () => Date;
}

export interface Forgetting extends JanitorStores {
  /** Of the command. */
  readonly id: string;
  /** The salted hash. */
  readonly person: string;
  readonly isPerson: (name: string) => boolean;
  /** Counts and changes nothing. */
  readonly isDry: boolean;
  readonly found: PersonFound;
  readonly tally: Tally;
}

/** By all that is known of the person at this moment. */
export const theirsOf = ({ found }: Forgetting): Theirs => ({
  mentions: mentionsOf(found.names),
  isPicture: (base64) => found.pngs.has(pngDigest(Buffer.from(base64, 'base64'))),
});
