/** The operator's order to sweep, on its way to the janitor: it waits for no run. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SweepCommandSchema } from '../../../contracts/retention.ts';
import { CTL, STREAMS, sweepCommandSubject } from '../../../contracts/subjects.ts';
import { failureOf } from '../../support/failures.ts';
import { withSaga } from '../../support/saga.ts';
import { withServer } from '../../support/server.ts';
import { hold, start, tell } from '../../support/steering.ts';
import { until } from '../../support/wait.ts';

test('sweep: the janitor has the order, also while a run is under way', () =>
  withServer((server) => {
    const held = hold('train');
    return withSaga(server, { works: held.works }, async (saga) => {
      await start(saga, 'n1');
      await until(() => held.taken.length > 0, 'the training');
      const { accepted, runId } = await tell(saga, CTL.storeSweep, { mode: 'look' }, 'order.1');
      assert.equal([accepted, runId], [true, null]);
      const order = await saga.bus.lastOn(STREAMS.commands, sweepCommandSubject('order-1'));
      assert.equal(SweepCommandSchema.parse(order?.data), { id: 'order-1', mode: 'look', isBrief: false });
      const failure = await failureOf(() => tell(saga, CTL.storeSweep, { mode: 'all' }));
      assert.is(failure.code, 'MESSAGE_MALFORMED');
      held.release();
    });
  }));

test.run();
