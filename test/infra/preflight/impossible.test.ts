import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from 'nats';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { impossibleIn, refuseImpossible } from '../../../infra/preflight/impossible.ts';
import { FINDINGS, type Finding } from '../../../infra/preflight/preflight.ts';
import { failureOf } from '../../support/failures.ts';
import { runCli } from '../../support/cli.ts';
import { withFolder } from '../../support/folder.ts';
import { jetStreamIn, withOwnServer } from '../../support/own-server.ts';

const finding = (id: Finding['id'], severity: Finding['severity'] = 'error'): Finding => ({
  ...{ id, severity, sentence: `${id} is wrong`, mend: `mend ${id}` },
});

test('impossible: what nobody but an administrator mends, and a full account only if something is missing', () => {
  const alone = FINDINGS.filter((id) => impossibleIn([finding(id)]) !== null);
  assert.equal(alone, ['server.version', 'jetstream.off', 'payload.messages']);
  const full = finding('account.streams');
  assert.is(impossibleIn([full])?.code, undefined);
  assert.is(impossibleIn([full, finding('topology.missing')])?.code, 'ACCOUNT_LIMIT');
  assert.is(impossibleIn([finding('account.streams', 'warning'), finding('topology.missing')]), null);
  const both = impossibleIn([full, finding('topology.missing'), finding('payload.messages')]);
  assert.match(both?.message ?? '', /payload\.messages is wrong; mend payload\.messages; account\.streams is wrong/);
});

test('impossible: a start ends with what stays, and goes on if it passes', async () => {
  const off = [finding('jetstream.off')];
  let looks = 0;
  const look = (passes: boolean) => async () => (++looks === 2 && passes ? [] : off);
  await refuseImpossible(off, look(true), 1);
  assert.is(looks, 2);
  const { code, message } = await failureOf(refuseImpossible(off, look(false), 1));
  assert.equal([code, message], ['NATS_UNAVAILABLE', 'jetstream.off is wrong; mend jetstream.off']);
  await refuseImpossible([finding('topology.missing')], () => Promise.reject(new Error('a second look')), 1);
});

const FULL =
  'accounts { OURS { jetstream { max_streams: 1 }, users [{ user: ann, password: x }] } }\nno_auth_user: ann';

test('impossible: an actor at a server that is too small for it ends with the words of the finding and exit code 1', () =>
  withFolder(async (folder) => {
    const end = async (settings: string) => {
      const store = jetStreamIn(folder, `store-${settings.length}`);
      return withOwnServer(folder, `${store}\n${settings}`, async ({ address }) => {
        const env = { NATS_URL: `nats://${address}` };
        // As another team's would.
        await makeStream(env.NATS_URL);
        return runCli(['actor', 'trainer'], { cwd: folder, env, timeoutMs: 60_000 });
      });
    };
    const [small, full] = [await end('max_payload: 100KB'), await end(FULL)];
    assert.equal([small.code, full.code], [1, 1]);
    assert.match(
      small.stderr,
      /takes 102400 bytes at once, commands have up to \d+; set max_payload .*\[NATS_UNAVAILABLE\]\n$/,
    );
    assert.match(
      full.stderr,
      /of 1 streams that the account may have, 1 are taken; raise the limit.*\[ACCOUNT_LIMIT\]\n$/,
    );
  }));

async function makeStream(url: string): Promise<void> {
  const nc = await connect({ servers: url });
  await (await jetstreamManager(nc)).streams.add({ name: 'THEIRS', subjects: ['theirs'], num_replicas: 1 });
  await nc.close();
}

test.run();
