/**
 * Attack 13: thousands of malformed commands. Each sender is told, and the noise stays in the bounded stream of refused
 * commands: the dead letters, where real losses are looked for, stay as they are.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { endpointsOf } from '../../actors/orchestrator/api.ts';
import { API, CTL, refusedSubject, STREAMS, workEventSubject } from '../../contracts/subjects.ts';
import { withSaga } from '../support/saga.ts';
import { withServer } from '../support/server.ts';
import { until } from '../support/wait.ts';
import { managerOf } from '../../infra/messaging/jetstream.ts';

const COMMANDS = 5_000;

test('attack 13: five thousand malformed commands leave the dead letters alone, and those kept are bounded', () =>
  withServer((server) =>
    withSaga(server, { replica: false }, async ({ nc, orchestrator }) => {
      const { streams } = await managerOf(nc);
      const stateOf = async (stream: string) => (await streams.info(stream)).state;
      // A real loss: a fact that nobody can read.
      nc.publish(workEventSubject('train', 'completed', 'other'), 'no JSON');
      await until(async () => (await stateOf(STREAMS.dlq)).messages === 1, 'the dead letter');
      let told = 0;
      nc.subscribe('nightshift.evt.operator.refused.*', { callback: () => void told++ });
      await nc.flush();
      for (let n = 0; n < COMMANDS; n++)
        nc.publish(n % 2 === 0 ? CTL.pipelineStart : 'nightshift.ctl.x.y', `{"n":${n}`);
      await until(async () => (await stateOf(STREAMS.ctl)).messages === 0 && told >= COMMANDS, 'all to be answered');
      assert.equal([(await stateOf(STREAMS.dlq)).messages, (await stateOf(STREAMS.dlq)).last_seq], [1, 1]);
      const { state, config } = await streams.info(STREAMS.refused);
      assert.is(state.messages, config.max_msgs);
      assert.ok(state.messages < COMMANDS && state.bytes <= config.max_bytes && config.max_age > 0);
      const { refusals } = await endpointsOf(orchestrator)[API.refusals]({ limit: 2 });
      assert.equal(
        refusals.map(({ code, source }) => [code, source]),
        Array(2).fill(['MESSAGE_MALFORMED', null]),
      );
    }),
  ));

test('attack 13: a refused command is kept with the beginning of its text, under the command that it names', () =>
  withServer((server) =>
    withSaga(server, { replica: false }, async ({ nc, orchestrator }) => {
      const long = JSON.stringify({ model: 'x'.repeat(100_000) });
      nc.publish(CTL.pipelineStart, long);
      const { total, refusals } = await until(async () => {
        const kept = await orchestrator.refusals.newest(5);
        return kept.total === 1 ? kept : null;
      }, 'the refusal');
      assert.is(total, 1);
      const [refusal] = refusals;
      assert.equal([refusal?.subject, refusal?.bytes], [CTL.pipelineStart, long.length]);
      assert.ok(refusal!.body.length <= 1_000 && long.startsWith(refusal!.body)); // One was counted above.
      const { streams } = await managerOf(nc);
      const subject = refusedSubject(CTL.pipelineStart);
      assert.ok(await streams.getMessage(STREAMS.refused, { last_by_subj: subject }));
    }),
  ));

test.run();
