/**
 * Whole systems on servers that belong to somebody else: the start with its streams, all actors, a release in service, a
 * command of the command line and an answer at the door, for each way to log in.
 */
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { nkeys } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connectClient } from '../../cli/client.ts';
import { CONFIG_FILE, loadConfig } from '../../infra/config/config.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { startSystem } from '../../main.ts';
import { makeAuthority, type Certificate } from '../support/certificates.ts';
import { assertServes, deployTinyChampion } from '../support/champion.ts';
import { runCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { makeOperator } from '../support/operator.ts';
import { jetStreamIn, withOwnServer } from '../support/own-server.ts';
import { MODEL } from '../support/replicas.ts';
import { testLogger } from '../support/server.ts';
import { until } from '../support/wait.ts';

const log = testLogger();
/** In every secret of these tests. */
const SECRET = /SESAME|\bSU[A-Z2-7]{56}|BEGIN/;
const PASSWORD = { NATS_PASSWORD: 'SESAME' };

interface Way {
  /** For the server's configuration. */
  readonly settings: string;
  /** Of the section `nats`, beside the url. */
  readonly nats: object;
  /** For the command line, in place of the section; absent: the same file is read. */
  readonly args?: (url: string) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly scheme?: string;
  /** A server that is down, before the one that is not. */
  readonly before?: string;
}

const WAYS: Readonly<Record<string, (folder: string) => Way | Promise<Way>>> = {
  'creds of an operator': async (folder) => {
    const operator = await makeOperator(folder);
    const file = await operator.creds('ann');
    const args = (url: string) => ['--server', url, '--creds', file];
    return { settings: operator.settings, nats: { creds: { file } }, args };
  },
  'an nkey': (folder) => {
    const pair = nkeys.createUser();
    writeFileSync(join(folder, 'ann.nk'), pair.getSeed());
    const args = (url: string) => ['--server', url, '--nkey', 'ann.nk'];
    const settings = `authorization { users: [{ nkey: ${pair.getPublicKey()} }] }`;
    return { settings, nats: { nkey: { file: 'ann.nk' } }, args };
  },
  'a user, by a context of the NATS CLI': (folder) => {
    mkdirSync(join(folder, 'nats/context'), { recursive: true });
    const settings = 'authorization { user: ann, password: SESAME }';
    const args = (url: string) => {
      writeFileSync(join(folder, 'nats/context/prod.json'), JSON.stringify({ url, user: 'ann', password: 'SESAME' }));
      return ['--context', 'prod'];
    };
    const nats = { user: 'ann', password: { env: 'NATS_PASSWORD' } };
    return { settings, nats, args, env: { ...PASSWORD, XDG_CONFIG_HOME: folder } };
  },
  'a token, and a list of servers of which one is down': () => ({
    settings: 'authorization { token: SESAME }',
    nats: { token: { env: 'NATS_TOKEN' } },
    env: { NATS_TOKEN: 'SESAME' },
    before: '127.0.0.1:1',
  }),
  'a user with the rights that docs/nats.md names and no others': () => {
    const subjects = JSON.stringify(['nightshift.>', '$JS.>', '$KV.>', '$O.>', '$SRV.>', '_INBOX_ann.>']);
    const permissions = `permissions: { publish: ${subjects}, subscribe: ${subjects} }`;
    return {
      settings: `authorization { users: [{ user: ann, password: SESAME, ${permissions} }] }`,
      nats: { user: 'ann', password: { env: 'NATS_PASSWORD' }, inboxPrefix: '_INBOX_ann' },
      env: PASSWORD,
    };
  },
  'a password over TLS with a CA of its own': (folder) => {
    const ca = makeAuthority(folder, 'ca');
    const settings = `${tls(ca.issue('server', ['127.0.0.1']))}\nauthorization { user: ann, password: SESAME }`;
    const args = (url: string) => ['--server', url, '--tls-ca', ca.cert, '--user', 'ann'];
    const nats = { user: 'ann', password: { env: 'NATS_PASSWORD' }, tls: { ca: 'ca.pem' } };
    return { settings, nats, args, scheme: 'tls://', env: PASSWORD };
  },
  'a client certificate': (folder) => {
    const ca = makeAuthority(folder, 'ca');
    const own = ca.issue('ann');
    const server = tls(ca.issue('server', ['127.0.0.1']), `ca_file: "${ca.cert}"\n verify_and_map: true`);
    const settings = `${server}\nauthorization { users: [{ user: "CN=ann" }] }`;
    return { settings, nats: { tls: { ca: ca.cert, cert: own.cert, key: own.key } }, scheme: 'tls://' };
  },
};

const tls = ({ cert, key }: Certificate, more = '') => `tls { cert_file: "${cert}"\n key_file: "${key}"\n ${more} }`;

for (const [way, make] of Object.entries(WAYS)) {
  test(`login: a whole system works with ${way}`, () =>
    withFolder(async (folder) => {
      const { settings, scheme = 'nats://', before, ...rest } = await make(folder);
      await withOwnServer(folder, `${jetStreamIn(folder)}\n${settings}`, ({ address }) => {
        const servers = [...(before === undefined ? [] : [before]), `${scheme}${address}`];
        return worksAt(folder, servers.join(','), rest);
      });
    }));
}

test('login: a whole system works in the JetStream domain of a hub, by way of a leaf node with one of its own', () =>
  withFolder((folder) =>
    withOwnServer(folder, `${jetStreamIn(folder, 'hub', 'hub')}\nleafnodes { listen: "127.0.0.1:-1" }`, (hub) => {
      const remote = `leafnodes { remotes: [{ url: "nats-leaf://127.0.0.1:${hub.leafPort}" }] }`;
      return withOwnServer(folder, `${jetStreamIn(folder, 'leaf', 'leaf')}\n${remote}`, async ({ address }) => {
        const login = { domain: 'hub' };
        const isLinked = () =>
          connectNats({ url: address, login, name: 'test', log, isHasty: true }).then(
            (nc) => nc.close().then(() => true),
            () => false,
          );
        await until(isLinked, 'the hub by way of the leaf');
        await worksAt(folder, address, { nats: login });
        const nc = await connectNats({ url: address, login: { domain: 'leaf' }, name: 'test', log });
        const { streams } = (await nc.request('$JS.leaf.API.INFO', '')).json() as { streams: number };
        assert.is(streams, 0);
        await nc.close();
      });
    }),
  ));

async function worksAt(folder: string, url: string, way: Pick<Way, 'nats' | 'args' | 'env'>): Promise<void> {
  const { nats, env = {}, args = () => [] } = way;
  const faces = { type: 'directory', name: 'faces', path: 'faces' };
  const written = { nats: { url, ...nats }, log: { level: 'warn' }, models: { [MODEL]: { sources: [faces] } } };
  const path = join(folder, CONFIG_FILE);
  writeFileSync(path, JSON.stringify(written));
  const config = loadConfig({ path, env: {} });
  await withEnvironment(env, async () => {
    const made = await runCli(['setup'], { cwd: folder, env });
    assert.is(made.code, 0, made.stderr);
    const system = await startSystem(config, log);
    const applied = await runCli(['apply', '--yes'], { cwd: folder, env });
    assert.is(applied.code, 0, applied.stderr);
    const client = await connectClient(url, log, config.nats);
    try {
      const { champion } = await deployTinyChampion(client.nc);
      await assertServes(client.nc, champion);
      const options = args(url);
      // What the options say is not in the file as well.
      if (options.length > 0) writeFileSync(path, '{}');
      const { code, stdout, stderr } = await runCli([...options, 'status', '--json'], { cwd: folder, env });
      assert.is(code, 0, stderr);
      assert.match(stdout, champion.model.digest);
      assert.not.match(`${stdout}${stderr}`, SECRET);
    } finally {
      await client.close();
      await system.stop();
    }
  });
}

/** For this process, as an administrator sets it for a service. */
async function withEnvironment(env: Readonly<Record<string, string>>, use: () => Promise<void>): Promise<void> {
  Object.assign(process.env, env);
  try {
    await use();
  } finally {
    for (const name of Object.keys(env)) delete process.env[name];
  }
}

test('login: commands and actors that are refused end with one sentence, and no secret in it', () =>
  withFolder((cwd) =>
    withOwnServer(cwd, `${jetStreamIn(cwd)}\nauthorization { user: ann, password: SESAME }`, async ({ address }) => {
      const env = { NATS_URL: address, NATS_USER: 'ann', NATS_PASSWORD: 'SESAME-2' };
      const said =
        /nightshift: nats-server at 127\S+ does not accept the user "ann" .* NATS_PASSWORD .*\[LOGIN_REFUSED\]\n/;
      writeFileSync(join(cwd, 'own.json'), JSON.stringify({ local: { files: { net: 'net.onnx' } } }));
      const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const { port } = silent.address() as AddressInfo; // It listens on a port.
      const cases: readonly (readonly [string[], Readonly<Record<string, string>>, number, RegExp])[] = [
        [['status'], env, 1, said],
        [['actor', 'trainer'], env, 1, said],
        [['--config', 'own.json', 'start'], env, 1, said],
        [['start'], env, 2, /no model .* there is nothing to start at 127\S+, where .*\[CONFIG_INVALID\]\n/],
        [['status'], { NATS_URL: `nats://ann:SESAME@${address}` }, 2, /nats\.url: .*\[CONFIG_INVALID\]\n/],
        [
          ['start'],
          { NATS_CREDS: 'x.creds' },
          2,
          /nats\.creds is for a server that runs already.*\[CONFIG_INVALID\]\n/,
        ],
        [['--context', 'absent', 'status'], { HOME: cwd }, 2, /no NATS context "absent".*\[CONFIG_INVALID\]\n/],
        [
          ['--server', `127.0.0.1:${port}`, 'status'],
          {},
          1,
          /without the greeting of nats-server.*\[NATS_UNAVAILABLE\]\n/,
        ],
      ];
      for (const [args, variables, code, message] of cases) {
        const end = await runCli(args, { cwd, env: variables });
        assert.equal([end.code, end.stdout], [code, ''], `${args.join(' ')}: ${end.stderr}`);
        assert.match(end.stderr, message);
        assert.not.match(end.stderr, SECRET);
      }
      silent.close();
    }),
  ));

test('login: an account without room for the streams says so', () =>
  withFolder(async (folder) => {
    const operator = await makeOperator(folder, { diskBytes: 100 * 1024 ** 2 });
    await withOwnServer(folder, `${jetStreamIn(folder)}\n${operator.settings}`, async ({ address }) => {
      const creds = { file: await operator.creds('ann') };
      const path = join(folder, CONFIG_FILE);
      writeFileSync(path, JSON.stringify({ nats: { url: address, creds } }));
      const { code, stderr } = await runCli(['setup'], { cwd: folder });
      assert.is(code, 1);
      assert.match(
        stderr,
        /no room for stream .*the account may store 104857600 bytes.*raise that limit \[ACCOUNT_LIMIT\]\n$/,
      );
    });
  }));

test.run();
