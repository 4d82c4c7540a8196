/**
 * Writes a line into the audit log before a change of a gallery is stored, so that none is without its line. The line may
 * be about a change that then failed; the answer to its sender says so.
 */
import type { AuditEntry } from '../../contracts/audit.ts';
import type { Identity } from '../../contracts/identity.ts';
import { auditSubject } from '../../contracts/subjects.ts';
import type { Bus } from '../../infra/messaging/bus.ts';
import { keyOf } from '../../infra/stores/enrolment-log.ts';

export interface GalleryDeed extends Identity {
  readonly verb: 'enroll' | 'remove' | 'approve' | 'reject';
  readonly person: string;
  /** The request that waits for approval, or is approved or rejected. */
  readonly pending?: string | undefined;
}

export type GalleryAudit = (deed: GalleryDeed) => Promise<void>;

export function createGalleryAudit(bus: Bus, model: string, now: () => Date, newId: () => string): GalleryAudit {
  return async ({ verb, person, pending, by, proven }) => {
    const [action, id] = [`gallery.${verb}`, newId()];
    const about: AuditEntry['about'] = { model, ...(pending === undefined ? {} : { pending }) };
    const at = now().toISOString();
    const entry: AuditEntry = { at, action, by, proven, id, about, person: keyOf(person), reason: null };
    await bus.publish(auditSubject(action), entry, { id: `audit.${id}` });
  };
}
