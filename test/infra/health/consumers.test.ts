/** The findings on consumers: a server without actors, and figures as the server tells them. */
import type { ConsumerInfo } from '@nats-io/jetstream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandSubject, STREAMS } from '../../../contracts/subjects.ts';
import { consumerFindings, examineConsumers } from '../../../infra/health/consumers.ts';
import { clientOf, managerOf } from '../../../infra/messaging/jetstream.ts';
import { CONSUMER_SPECS, workerConsumer } from '../../../infra/topology/consumers.ts';
import { withServer } from '../../support/server.ts';
import { until } from '../../support/wait.ts';

const TRAIN = workerConsumer('train', 'start');

test('doctor: without actors each consumer has nobody, and work that waits there is an error that names the actor', () =>
  withServer(async ({ connect }) => {
    const nc = await connect();
    const idle = await examineConsumers(nc);
    assert.equal(
      idle.map(({ id, severity }) => `${severity} ${id}`),
      CONSUMER_SPECS.map(() => 'warning consumer.idle'),
    );
    await clientOf(nc).publish(commandSubject('train', 'start', 'n1'), '{}');
    // The server counts what waits a moment after it has stored it.
    const errors = async () => (await examineConsumers(nc)).filter(({ severity }) => severity === 'error');
    const [error, ...others] = await until(async () => (await errors()).length > 0 && errors(), 'the work to be seen');
    assert.equal([error?.id, others], ['consumer.idle', []]);
    assert.match(error!.sentence, /no trainer takes from the consumer train-start, and 1 messages wait/);
    assert.match(error!.mend, /nightshift actor trainer/);
    await (await managerOf(nc)).consumers.delete(STREAMS.commands, TRAIN);
    const ids = (await examineConsumers(nc)).filter(({ severity }) => severity === 'error').map(({ id }) => id);
    assert.equal(ids, ['consumer.missing']);
  }));

const WELL = { num_waiting: 1, num_ack_pending: 0, num_pending: 0, num_redelivered: 0 };
const spec = CONSUMER_SPECS.find(({ config }) => config.durable_name === TRAIN)!;
const idsOf = (figures: object) =>
  consumerFindings(spec, { kind: 'there', info: { ...WELL, ...figures } as unknown as ConsumerInfo }).map(
    ({ id }) => id,
  );

test('doctor: a worker that works asks for nothing more, and is not missed', () => {
  assert.equal(idsOf({}), []);
  assert.equal(idsOf({ num_waiting: 0, num_ack_pending: 1, num_pending: 3 }), []);
});

test('doctor: a backlog, deliveries that come again, and a consumer that hands out no more are told', () => {
  assert.equal(idsOf({ num_pending: 5_000 }), ['consumer.lag']);
  assert.equal(idsOf({ num_redelivered: 2 }), ['consumer.again']);
  assert.equal(idsOf({ num_ack_pending: spec.config.max_ack_pending }), ['consumer.full']);
});

test.run();
