/** A right that is missing: it ends a start, and a message that meets it is not delivered again in silence. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nkeys } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connectClient } from '../../../cli/client.ts';
import { API, commandSubject, STREAMS, workEventSubject } from '../../../contracts/subjects.ts';
import { ROLES } from '../../../contracts/roles.ts';
import { loginOf } from '../../../infra/access/login-of.ts';
import { authorizationOf } from '../../../infra/access/server-users.ts';
import { CONFIG_FILE, loadConfig } from '../../../infra/config/config.ts';
import { launchServer } from '../../../infra/server/server.ts';
import { workerConsumer } from '../../../infra/topology/consumers.ts';
import { NAMESPACE_DEFAULT, wireSubject } from '../../../infra/topology/namespace.ts';
import { applyTopology } from '../../../infra/topology/topology.ts';
import { runCli } from '../../support/cli.ts';
import { configureAsIn } from '../../support/configured.ts';
import { withFolder } from '../../support/folder.ts';
import { withRoles } from '../../support/identities.ts';
import { jetStreamIn, withOwnServer } from '../../support/own-server.ts';
import { testLogger } from '../../support/server.ts';
import { until } from '../../support/wait.ts';

/** Rights as the server has them. */
const MISSING = (
  [
    ['trainer', `$JS.API.CONSUMER.MSG.NEXT.COMMANDS.${workerConsumer('train', 'start')}`],
    ['collector', commandSubject('collect', 'cancel', '*')],
    ['verifier', '$JS.API.STREAM.MSG.GET.OBJ_DATASETS'],
    ['orchestrator', API.status],
  ] as const
).map(([role, right]) => [role, wireSubject(NAMESPACE_DEFAULT, right)] as const);

/** An actor that does not end by itself fails the test, in place of holding it up. */
const START_MS_MAX = 60_000;

test('denial: an actor that lacks a right ends with exit code 1, and says which right of whom', () =>
  withFolder(async (cwd) => {
    const authorization = authorizationOf(NAMESPACE_DEFAULT, (role) => {
      const pair = nkeys.createUser();
      writeFileSync(join(cwd, `${role}.nk`), pair.getSeed());
      return pair.getPublicKey();
    });
    const lacking = MISSING.reduce((text, [role, right]) => {
      // Of its own section alone.
      const at = text.indexOf(`"${right}"`, text.indexOf(`# ${role}\n`));
      return `${text.slice(0, at)}"nothing.${role}"${text.slice(at + right.length + 2)}`;
    }, authorization);
    await withOwnServer(cwd, `${jetStreamIn(cwd)}\n${lacking}`, async ({ address }) => {
      const roles = Object.fromEntries(ROLES.map((role) => [role, { nkey: { file: `${role}.nk` } }]));
      const nats = { url: `nats://${address}`, roles };
      const models = { face: { sources: [{ type: 'directory', name: 'people', path: 'people' }] } };
      const path = join(cwd, CONFIG_FILE);
      writeFileSync(path, JSON.stringify({ nats, log: { level: 'silent' }, models }));
      const made = await runCli(['setup'], { cwd });
      assert.is(made.code, 0, made.stderr);
      await configureIn(path);
      for (const [role, right] of MISSING) {
        const { code, stderr } = await runCli(['actor', role], { cwd, timeoutMs: START_MS_MAX });
        assert.is(code, 1, `${role}: ${stderr}`);
        assert.match(stderr, `nightshift: ${role} may not `);
        assert.match(stderr, `${right}: nats-server refuses it`);
        assert.match(stderr, /\[PERMISSION_DENIED\]\n/);
      }
    });
  }));

/** A worker whose file does not fit waits before it uses its rights. */
async function configureIn(path: string): Promise<void> {
  const config = loadConfig({ path, env: {} });
  const url = config.nats.url!; // Just written.
  const client = await connectClient(url, testLogger(), loginOf(config.nats, 'orchestrator', url), 'orchestrator');
  await configureAsIn(client.nc, config);
  await client.close();
}

test('denial: a message whose handler meets a refused subject is a dead letter at its first delivery', () =>
  withFolder(async (storeDir) => {
    const server = await launchServer({ storeDir, hasIdentities: true, log: testLogger() });
    try {
      await withRoles({ url: server.url, storeDir }, ['setup', 'orchestrator', 'trainer'], async (as) => {
        await applyTopology(as.setup.nc, { replicas: 1 });
        let deliveries = 0;
        const consumption = as.trainer.bus.consume({
          stream: STREAMS.commands,
          consumer: workerConsumer('train', 'start'),
          concurrency: 1,
          handle: async () => {
            deliveries += 1;
            await as.trainer.bus.publish(workEventSubject('verify', 'completed', 'x'), {});
          },
        });
        try {
          await as.orchestrator.bus.publish(commandSubject('train', 'start', 'x'), {});
          const letter = await until(
            () => as.orchestrator.bus.lastTimeOn(STREAMS.dlq, 'nightshift.dlq.COMMANDS.train-start'),
            'the dead letter',
          );
          assert.ok(letter);
        } finally {
          await consumption.stop();
        }
        assert.is(deliveries, 1);
      });
    } finally {
      await server.stop();
    }
  }));

test.run();
