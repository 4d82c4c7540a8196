/** The audit log and the refused commands, if something else was stored among them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { auditSubject, CTL, refusedSubject } from '../../../contracts/subjects.ts';
import { clientOf } from '../../../infra/messaging/jetstream.ts';
import { createAuditStore } from '../../../infra/stores/audit-store.ts';
import { createRefusalStore } from '../../../infra/stores/refusal-store.ts';
import { withServer } from '../../support/server.ts';

const LINE = { at: '2026-01-31T02:00:00.000Z', action: 'gallery.enroll', by: 'alice', proven: true, id: 'a' };
const ENTRY = { ...LINE, about: { model: 'face' }, person: null, reason: null };

const REFUSED = {
  commandId: 'c',
  subject: CTL.pipelineStart,
  by: 'alice',
  source: 'cli',
  code: 'RUN_UNKNOWN',
  error: 'none',
};
const REFUSAL = { ...REFUSED, sequence: 1, storedAt: '2026-01-31T02:00:00.000Z', body: '{}', bytes: 2 };

/** JSON of another shape, no JSON, nothing. */
const JUNK = ['{"stream":"CTL","seq":1}', '\u0000', ''];

test('audit: a line that cannot be read is shown as such, and the others are shown', () =>
  withServer(async ({ connect }) => {
    const nc = await connect();
    const store = await createAuditStore(nc);
    const subject = auditSubject('gallery.enroll');
    for (const body of [JSON.stringify(ENTRY), ...JUNK]) await clientOf(nc).publish(subject, body);
    const { entries, total } = await store.newest(10, null);
    assert.is(total, 4);
    assert.equal(entries.at(-1), { ...ENTRY, seq: 1 });
    for (const { by, proven, action, reason } of entries.slice(0, -1)) {
      assert.equal([by, proven, action], ['not known', false, 'gallery.enroll']);
      assert.match(reason ?? '', /^no line of the log: /);
    }
  }));

test('refusals: one that cannot be read is shown as such, and the others are shown', () =>
  withServer(async ({ connect }) => {
    const nc = await connect();
    const store = await createRefusalStore(nc);
    const subject = refusedSubject(CTL.pipelineStart);
    for (const body of [JSON.stringify(REFUSAL), ...JUNK]) await clientOf(nc).publish(subject, body);
    const { refusals } = await store.newest(10);
    assert.equal(refusals.at(-1), { ...REFUSAL, seq: 1 });
    for (const { by, code, error } of refusals.slice(0, -1)) {
      assert.equal([by, code], ['not known', 'MESSAGE_MALFORMED']);
      assert.match(error, /^no refusal: /);
    }
  }));

test.run();
