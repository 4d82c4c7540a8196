/** The operator's order to forget a person, on its way to the janitor. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { JanitorCommandSchema } from '../../../contracts/forgetting.ts';
import { CTL, janitorCommandSubject, STREAMS } from '../../../contracts/subjects.ts';
import { failureOf } from '../../support/failures.ts';
import { withSaga } from '../../support/saga.ts';
import { withServer } from '../../support/server.ts';
import { hold, start, tell } from '../../support/steering.ts';
import { until } from '../../support/wait.ts';

const person = 'a'.repeat(64);

test('forget: while a run is under way nobody is forgotten, and one may look; afterwards the janitor has the order', () =>
  withServer((server) => {
    const held = hold('train');
    return withSaga(server, { works: held.works }, async (saga) => {
      await start(saga, 'n1');
      await until(() => held.taken.length > 0, 'the training');
      const failure = await failureOf(() => tell(saga, CTL.personForget, { person }));
      assert.is(failure.code, 'RUN_ACTIVE');
      assert.match(failure.message, /run n1 is under way/);
      assert.ok((await tell(saga, CTL.personForget, { person, mode: 'look' }, 'look-1')).accepted);
      held.release();
      await saga.event('nightshift.evt.pipeline.completed.n1');
      const { accepted, runId } = await tell(saga, CTL.personForget, { person }, 'order.1');
      assert.equal([accepted, runId], [true, null]);
      const order = await saga.bus.lastOn(STREAMS.commands, janitorCommandSubject('order-1'));
      assert.equal(JanitorCommandSchema.parse(order?.data), { person, mode: 'forget', id: 'order-1', block: true });
    });
  }));

test('forget: a name in place of the hash is refused: it would be kept in the stream', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      const failure = await failureOf(() => tell(saga, CTL.personForget, { person: 'Ada Byron' }));
      assert.is(failure.code, 'MESSAGE_MALFORMED');
      assert.match(failure.message, /64 hex digits/);
    }),
  ));

test.run();
