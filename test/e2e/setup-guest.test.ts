/**
 * A company's server with streams of other teams on it, and `nightshift` as people type it: theirs stay as they are, and
 * where a name is taken the start ends within seconds, with the name and the ways out.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type NatsConnection } from 'nats';
import { jetstream, jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CONFIG_FILE } from '../../infra/config/config.ts';
import { runCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { jetStreamIn, withOwnServer } from '../support/own-server.ts';

const COUNT = 200;
/** Theirs: one that is called like ours in the code, and one that is called like ours on the server. */
const THEIRS = [
  { name: 'EVENTS', subjects: ['orders.>'], max_msgs: COUNT },
  { name: 'nightshift_COMMANDS', subjects: ['control.>'], metadata: { team: 'control' } },
];
/** An actor that would wait for ever fails the test. */
const END_MS_MAX = 20_000;

async function theirs(nc: NatsConnection): Promise<readonly (readonly [string, StreamConfig, number])[]> {
  const manager = await jetstreamManager(nc);
  return Promise.all(
    THEIRS.map(async ({ name }) => {
      const { config, state } = await manager.streams.info(name);
      return [name, config, state.messages] as const;
    }),
  );
}

async function names(nc: NatsConnection): Promise<string[]> {
  const found: string[] = [];
  for await (const name of (await jetstreamManager(nc)).streams.names()) found.push(name);
  return found.sort();
}

const withCompany = (use: (cwd: string, nc: NatsConnection) => Promise<void>) =>
  withFolder((cwd) =>
    withOwnServer(cwd, jetStreamIn(cwd), async ({ address }) => {
      const nc = await connect({ servers: address });
      try {
        const manager = await jetstreamManager(nc);
        for (const stream of THEIRS) {
          await manager.streams.add(stream);
          for (let n = 0; n < COUNT; n++)
            await jetstream(nc).publish(stream.subjects[0]!.replace('>', `${n}`), 'theirs');
        }
        writeFileSync(join(cwd, CONFIG_FILE), JSON.stringify({ nats: { url: `nats://${address}` } }));
        await use(cwd, nc);
      } finally {
        await nc.close();
      }
    }),
  );

test('setup: on a company server it ends at a taken name, and works beside the streams of others in another namespace', () =>
  withCompany(async (cwd, nc) => {
    const before = [await theirs(nc), await names(nc)];
    for (const command of [['setup', '--dry-run'], ['setup'], ['setup', '--force'], ['actor', 'trainer']]) {
      const { code, stderr } = await runCli(command, { cwd, timeoutMs: END_MS_MAX });
      assert.is(code, 1, command.join(' '));
      assert.match(stderr, /stream nightshift_COMMANDS has a name of ours and not the mark of Nightshift/);
      assert.match(
        stderr,
        /set another nats\.namespace \(--namespace, .*move or delete that stream \[STREAM_FOREIGN\]\n$/,
      );
      assert.equal([await theirs(nc), await names(nc)], before, command.join(' '));
    }
    const dry = await runCli(['--namespace', 'faces', 'setup', '--dry-run', '--json'], { cwd });
    const planned = JSON.parse(dry.stdout) as { readonly missing: readonly string[]; readonly namespace: string };
    assert.equal([planned.namespace, planned.missing.includes('stream faces_EVENTS')], ['faces', true]);
    assert.equal([await theirs(nc), await names(nc)], before);
    const made = await runCli(['--namespace', 'faces', 'setup'], { cwd });
    assert.is(made.code, 0, made.stderr);
    assert.equal(await theirs(nc), before[0]);
    const ours = (await names(nc)).filter((name) => /^(KV_|OBJ_)?faces_/.test(name));
    assert.is(ours.length, (await names(nc)).length - THEIRS.length);
  }));

test('setup: a second one with other settings lowers nothing, says so, and does it if forced', () =>
  withCompany(async (cwd, nc) => {
    const setup = (...more: string[]) => runCli(['--namespace', 'faces', 'setup', ...more], { cwd });
    assert.is((await setup()).code, 0);
    const manager = await jetstreamManager(nc);
    const limits = async () => (await manager.streams.info('faces_AUDIT')).config.max_bytes;
    const given = await limits();
    await manager.streams.update('faces_AUDIT', { max_bytes: 2 * given });
    const again = await setup();
    const line = `stream faces_AUDIT: max_bytes: ${2 * given} -> ${given}`;
    assert.match(again.stdout, `kept: ${line} would lower it; --force does\n`);
    assert.is(await limits(), 2 * given);
    assert.match((await setup('--force', '--dry-run')).stdout, `would be changed: ${line}\n`);
    assert.is(await limits(), 2 * given);
    assert.match((await setup('--force')).stdout, `changed: ${line}\n`);
    assert.is(await limits(), given);
  }));

test.run();
