/** Every endpoint over a real server: its answer is what the table of contracts/api.ts promises, and all of it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ENDPOINTS, type ApiSubject } from '../../../contracts/api.ts';
import { API } from '../../../contracts/subjects.ts';
import { endpointsOf } from '../../../actors/orchestrator/api.ts';
import { failureOf } from '../../support/failures.ts';
import { askEverything } from '../../support/api-answers.ts';
import { withSaga } from '../../support/saga.ts';
import { withServer } from '../../support/server.ts';

test('api: each endpoint takes the question of its schema, and its answer has every field of its schema and no other', () =>
  withServer(async (server) => {
    const exchanges = await askEverything(server);
    assert.equal(Object.keys(exchanges).sort(), Object.keys(ENDPOINTS).sort());
    for (const [subject, { question, answer }] of Object.entries(exchanges)) {
      const schemas = ENDPOINTS[subject as ApiSubject]; // Compared above.
      assert.ok(schemas.question.safeParse(question).success, subject);
      // A field that the schema does not know would be missing in what is parsed.
      assert.equal(schemas.answer.parse(answer), answer, subject);
    }
  }));

test('api: a question that does not fit is refused by the name of its field', () =>
  withServer((server) =>
    withSaga(server, { replica: false }, async ({ orchestrator }) => {
      const endpoints = endpointsOf(orchestrator);
      const failure = await failureOf(() => endpoints[API.run]({ runId: 'n1', at: 'yesterday' }));
      assert.is(failure.code, 'REQUEST_INVALID');
      assert.match(failure.message, /^at: /);
      assert.match((await failureOf(() => endpoints[API.deadLetters]({ limit: 0 }))).message, /^limit: /);
    }),
  ));

test.run();
