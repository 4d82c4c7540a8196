import { setImmediate as everythingElse } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLogger } from '../../../../runtime/logger.ts';
import { admitted } from '../../../../services/serving/replica/admission.ts';
import { Replica } from '../../../../services/serving/replica/replica.ts';
import { failureOf } from '../../../support/failures.ts';

const DEMANDS_NOTHING = { minRelease: 0, seenRelease: 0, minEnrolment: 0 };
const soon = () => performance.now() + 60_000;

/** A replica before the first release: it has nothing to load. */
const emptyReplica = () =>
  new Replica({
    ...{ model: 'face', replicaId: 'r1', startedAt: new Date(0), log: createLogger({ level: 'silent' }) },
    load: ({ pair }) => Promise.reject(new Error(`nothing is to be loaded, least of all ${pair.runId}`)),
  });

test('admission: a request is held until the heartbeat is stored and the record was read after that', async () => {
  const replica = emptyReplica();
  const steps: string[] = [];
  const request = admitted(replica, { ...DEMANDS_NOTHING, deadlineMs: soon() }).then(() => steps.push('admitted'));
  // A read that began before the heartbeat was alive is worth nothing.
  replica.inform(replica.standing.term);
  await everythingElse();
  replica.renew(soon());
  await everythingElse();
  steps.push('the record is read');
  replica.inform(replica.standing.term);
  await request;
  assert.equal(steps, ['the record is read', 'admitted']);
});

test('admission: a request that is held is refused at its deadline, with what kept it', async () => {
  const replica = emptyReplica();
  const deadlineMs = performance.now();
  assert.is((await failureOf(admitted(replica, { ...DEMANDS_NOTHING, deadlineMs }))).code, 'NOT_READY');
  replica.renew(soon());
  replica.inform(replica.standing.term);
  const demanding = admitted(replica, { ...DEMANDS_NOTHING, minRelease: 1, deadlineMs });
  assert.is((await failureOf(demanding)).code, 'RELEASE_NOT_REACHED');
});

test.run();
