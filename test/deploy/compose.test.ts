/**
 * deploy/compose.yaml and the configuration of its nats-servers: each actor is there, nothing runs as root or as the latest,
 * and each name leads somewhere. Compose itself and nats-server judge as well, where they are installed.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { nkeys } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ACTORS } from '../../actors/names.ts';
import { loadConfig } from '../../infra/config/config.ts';
import { findServerBinary } from '../../infra/server/server-binary.ts';
import { runCli } from '../support/cli.ts';
import { DEPLOY, documented, hasTool, unless, yamlIn } from '../support/deploy.ts';
import { withFolder } from '../support/folder.ts';

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly { readonly source: string; readonly target: string }[];
  readonly volumes?: readonly string[];
  readonly configs?: readonly { readonly source: string }[];
  readonly user?: string;
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly configs: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes: Readonly<Record<string, object>>;
}

const [compose] = yamlIn<Compose>('compose.yaml');
const services = Object.entries(compose!.services);
const actors = services.filter(([, { command }]) => command?.[0] === 'actor');
const actorOf = ({ command }: Service) => command![1]!;

test('compose: every actor has a service, replicas three, and nats-servers are three', () => {
  const counts = Object.fromEntries(
    ACTORS.map((actor) => [actor, actors.filter(([, service]) => actorOf(service) === actor).length]),
  );
  assert.equal(counts, {
    orchestrator: 1,
    collector: 1,
    trainer: 1,
    verifier: 1,
    inference: 3,
    janitor: 1,
    gateway: 1,
  });
  assert.is(services.filter(([, { image }]) => image.startsWith('nats:')).length, 3);
});

test('compose: each service has a read-only root, no capabilities, an image with a version, and nobody asks for root', () => {
  for (const [name, service] of services) {
    assert.is(service.read_only, true, name);
    assert.equal(service.cap_drop, ['ALL'], name);
    assert.match(service.image, /:\$?\{?[\w.:-]*\d+\.\d+\.\d+[\w.-]*\}?$/, name);
    assert.not.match(service.image, /latest/, name);
    assert.is(service.user, undefined, name);
  }
});

test('compose: an actor has the login of its own role, and a volume of its own', () => {
  for (const [name, service] of actors) {
    const login = service.secrets!.find(({ target }) => target === '/run/secrets/nkey');
    assert.is(login?.source, actorOf(service), name);
    const data = service.volumes!.filter((it) => it.endsWith(':/data'));
    assert.equal(data, [`${name}:/data`], name);
  }
});

test('compose: secrets, configurations, volumes and variables that are named are there, and documented', () => {
  for (const [name, { secrets = [], configs = [], volumes = [], environment = {} }] of services) {
    for (const { source } of secrets) assert.ok(compose!.secrets[source], `${name}: ${source}`);
    for (const { source } of configs) assert.ok(compose!.configs[source], `${name}: ${source}`);
    for (const volume of volumes.filter((it) => /^[a-z]/.test(it))) {
      assert.ok(compose!.volumes[volume.split(':')[0]!], `${name}: ${volume}`);
    }
    for (const variable of Object.keys(environment)) assert.ok(documented(variable), `${name}: ${variable}`);
  }
  for (const { file } of Object.values(compose!.secrets)) assert.ok(documented(basename(file)), file);
  for (const { file } of Object.values(compose!.configs)) {
    assert.ok(existsSync(join(DEPLOY, file)) || documented(basename(file)), file);
  }
});

test('compose: its configuration is one, with the signing keys where the secrets are mounted', () => {
  const config = loadConfig({ path: join(DEPLOY, 'nightshift.config.json'), env: {} });
  assert.is(config.nats.replicas, 3);
  const targets = actors.flatMap(([, { secrets = [] }]) => secrets.map(({ target }) => target));
  const keys = targets.filter((target) => !['/run/secrets/nkey', '/run/secrets/token'].includes(target));
  assert.equal(config.gateway.logins['monitoring']?.token, { file: '/run/secrets/token' });
  assert.ok(keys.length > 0 && keys.every((it) => it.startsWith(`${config.releases.keysDir}/`)), keys.join());
});

test('compose: nats-server takes its configuration with the rights that `auth export` prints', () =>
  withFolder(async (folder) => {
    const { stdout } = await runCli(['auth', 'export', '--format', 'conf'], { cwd: folder });
    const rights = stdout.replaceAll(/<public nkey of [^>]+>/g, () => nkeys.createUser().getPublicKey());
    writeFileSync(join(folder, 'authorization.conf'), rights);
    const settings = readFileSync(join(DEPLOY, 'nats/nats.conf'), 'utf8').replace('/data', join(folder, 'data'));
    writeFileSync(join(folder, 'nats.conf'), settings);
    const { path } = await findServerBinary();
    const env = { ...process.env, SERVER_NAME: 'nats-1' };
    const told = execFileSync(path, ['-t', '-c', join(folder, 'nats.conf')], { env, stdio: 'pipe', encoding: 'utf8' });
    assert.type(told, 'string');
  }));

unless(hasTool('docker', ['compose', 'version']), 'docker compose', 'compose: `docker compose config` takes it', () =>
  withFolder(async (folder) => {
    cpSync(DEPLOY, folder, { recursive: true });
    mkdirSync(join(folder, 'secrets'));
    for (const { file } of Object.values(compose!.secrets)) writeFileSync(join(folder, file), '');
    execFileSync('docker', ['compose', '-f', join(folder, 'compose.yaml'), 'config', '--quiet'], { stdio: 'pipe' });
  }),
);

test.run();
