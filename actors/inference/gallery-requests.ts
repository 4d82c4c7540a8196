/**
 * Changes of the gallery as people ask for them: made at once, or held back until a second person approves. The sender is
 * known by the subject, which the server's permissions fix. The change itself is in change-gallery.ts.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { Identity } from '../../contracts/identity.ts';
import {
  INFER_HEADERS,
  type EnrollReply,
  type PendingChange,
  type RejectedChange,
  type RemoveReply,
} from '../../contracts/inference.ts';
import type { PendingStore, WaitingChange } from '../../infra/stores/pending-store.ts';
import type { RecogniseRequest } from '../../services/serving/replica/request.ts';
import type { GalleryAudit } from './audit.ts';
import { checkChange, makeChange, type ChangeGalleryOptions, type GalleryRequest } from './change-gallery.ts';

export type Approval = 'none' | 'second';

export interface GalleryRequestOptions extends ChangeGalleryOptions {
  readonly approval: Approval;
  readonly pending: PendingStore;
  readonly audit: GalleryAudit;
}

/** Throws as checkChange and makeChange do; SECOND_PERSON_NEEDED if approvals are demanded and cannot be proven. */
export async function changeGallery(
  options: GalleryRequestOptions,
  request: GalleryRequest,
  identity: Identity,
): Promise<EnrollReply | RemoveReply | PendingChange> {
  if (options.approval === 'second') mustBeProven(identity);
  const change = await checkChange(options.replica, request);
  const deed = { ...identity, verb: request.verb, person: change.person };
  if (options.approval === 'none') {
    const sent = { ...change, by: identity.by };
    return makeChange(options, sent, request.deadlineMs, () => options.audit(deed));
  }
  const asked = { verb: request.verb, person: change.person, by: identity.by };
  const held = await options.pending.add({ ...asked, image: change.image ?? new Uint8Array(0) });
  await options.audit({ ...deed, pending: held.pending });
  return held;
}

/**
 * Makes a change that another person has asked for. Throws APPROVAL_UNKNOWN, SECOND_PERSON_NEEDED, and as changeGallery
 * does: the model in service may be another one than when the change was asked for.
 */
export async function approveChange(
  options: GalleryRequestOptions,
  request: RecogniseRequest<'approve'>,
  identity: Identity,
): Promise<EnrollReply | RemoveReply> {
  mustBeProven(identity);
  const waiting = await waitingFor(options, request);
  const { pending: id, verb, person, image, by } = waiting;
  if (by === identity.by) {
    const message = `approve request: ${by} asked for the change ${id}, so another person must approve it`;
    throw new PipelineError('SECOND_PERSON_NEEDED', message);
  }
  const change = await checkChange(options.replica, { ...request, verb, person, image });
  const sent = { ...change, by: `${by}, approved by ${identity.by}` };
  const tell = async () => {
    // It may have been rejected while its image was decoded, or the request waited for what it demands.
    await waitingFor(options, request);
    await options.audit({ ...identity, verb: 'approve', person, pending: id });
  };
  const reply = await makeChange(options, sent, request.deadlineMs, tell);
  await options.pending.remove(waiting);
  return reply;
}

/**
 * Drops a change that waits, with its image; whoever asked for it may do so as well. Throws APPROVAL_UNKNOWN, also if it was
 * approved or rejected meanwhile.
 */
export async function rejectChange(
  options: Pick<GalleryRequestOptions, 'pending' | 'audit'>,
  request: RecogniseRequest<'reject'>,
  identity: Identity,
): Promise<RejectedChange> {
  const waiting = await waitingFor(options, request);
  const { pending: rejected, verb, person, by } = waiting;
  await options.audit({ ...identity, verb: 'reject', person, pending: rejected });
  if (!(await options.pending.remove(waiting))) throw unknown('reject', rejected);
  return { rejected, verb, person, by };
}

async function waitingFor(
  { pending }: Pick<GalleryRequestOptions, 'pending'>,
  { header, verb }: RecogniseRequest<'approve' | 'reject'>,
): Promise<WaitingChange> {
  const id = header(INFER_HEADERS.request) ?? '';
  const waiting = /^[\w-]{1,64}$/.test(id) ? await pending.get(id) : null;
  if (!waiting) throw unknown(verb, id);
  return waiting;
}

function unknown(verb: string, id: string): PipelineError {
  const hint = '`nightshift gallery pending` lists those that wait';
  return new PipelineError('APPROVAL_UNKNOWN', `${verb} request: no change "${id}" waits for approval; ${hint}`);
}

/** Where nobody is asked who he is, one person could be both. */
function mustBeProven({ proven }: Identity): void {
  if (proven) return;
  const why = 'gallery.approval is "second", and this nats-server demands no login, so nobody can prove to be another';
  throw new PipelineError(
    'SECOND_PERSON_NEEDED',
    `${why}; let it demand one (docs/nats.md), or set approval to "none"`,
  );
}
