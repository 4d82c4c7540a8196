/** The ground of the saga's bench: a nats-server with a chosen sync interval, and orchestrators in processes of their own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { NatsConnection } from 'nats';
import { changeConfig } from '../../actors/orchestrator/configuration.ts';
import { PipelineConfigSchema, type PipelineConfig } from '../../contracts/configuration/pipeline.ts';
import { carriedOf } from '../../contracts/configuration/separate.ts';
import { openConfigs } from '../../infra/stores/config-store.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { createLogger, type Logger } from '../../runtime/logger.ts';
import { findServerBinary } from '../../infra/server/server-binary.ts';
import { applyTopology } from '../../infra/topology/topology.ts';

export type Sync = 'always' | 'default';

export interface Rig {
  readonly url: string;
  readonly nc: NatsConnection;
  readonly log: Logger;
  /** Resident memory of all orchestrators, bytes. */
  memory(): Promise<number>;
}

export interface RigOptions {
  readonly sync: Sync;
  readonly orchestrators: number;
  readonly models: number;
}

const PROGRAM = fileURLToPath(new URL('../../cli/nightshift.mjs', import.meta.url));

export const modelName = (index: number) => `model-${index}`;

const PIPELINE: PipelineConfig = PipelineConfigSchema.parse({
  sources: [{ type: 'directory', name: 'nobody', path: '/nowhere' }],
  deployment: { guardMs: 0 },
});

export async function withRig<T>(options: RigOptions, use: (rig: Rig) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-'));
  const log = createLogger({ level: 'silent' });
  const children: ChildProcess[] = [];
  try {
    const url = await startServer(folder, options.sync, children);
    const nc = await connectNats({ url, name: 'bench', log });
    await applyTopology(nc, { replicas: 1 });
    const models = Object.fromEntries(
      Array.from({ length: options.models }, (_, index) => [modelName(index), PIPELINE]),
    );
    await writeFile(join(folder, 'nightshift.config.json'), JSON.stringify({ models: { ...models, face: PIPELINE } }));
    await configureAll(nc, { ...models, face: PIPELINE });
    const orchestrators = Array.from({ length: options.orchestrators }, () => startOrchestrator(folder, url, children));
    await Promise.all(orchestrators.map(({ ready }) => ready));
    const memory = async () =>
      (await Promise.all(orchestrators.map(({ child }) => residentOf(child)))).reduce((a, b) => a + b);
    const answer = await use({ url, nc, log, memory });
    await nc.close();
    return answer;
  } finally {
    for (const child of children.reverse()) await end(child);
    await rm(folder, { recursive: true, force: true });
  }
}

/** As `nightshift apply` would. */
async function configureAll(nc: NatsConnection, models: Readonly<Record<string, PipelineConfig>>): Promise<void> {
  const configs = await openConfigs(nc);
  for (const [model, pipeline] of Object.entries(models)) {
    await changeConfig(configs, {
      ...{ model, pipeline: carriedOf(model, pipeline), definitions: {}, verb: 'apply', from: null, expected: null },
      ...{ at: new Date().toISOString(), by: 'bench', commandId: model, reason: null },
    });
  }
}

async function startServer(folder: string, sync: Sync, children: ChildProcess[]): Promise<string> {
  const config = join(folder, 'nats.conf');
  const lines = [
    'host: "127.0.0.1"',
    'port: -1',
    `ports_file_dir: ${JSON.stringify(folder)}`,
    `jetstream { store_dir: ${JSON.stringify(join(folder, 'data'))}${sync === 'always' ? ', sync_interval: always' : ''} }`,
  ];
  await writeFile(config, lines.join('\n'));
  const { path } = await findServerBinary();
  children.push(spawn(path, ['-c', config], { stdio: 'ignore' }));
  for (;;) {
    const file = (await readdir(folder)).find((name) => name.endsWith('.ports'));
    const ports = file ? await readFile(join(folder, file), 'utf8') : '';
    if (ports) return (JSON.parse(ports) as { nats: string[] }).nats[0]!;
    await delay(20);
  }
}

function startOrchestrator(folder: string, url: string, children: ChildProcess[]) {
  const env = { ...process.env, NATS_URL: url, NIGHTSHIFT_LOG_LEVEL: 'error' };
  const child = spawn(process.execPath, [PROGRAM, 'actor', 'orchestrator'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return { child, ready: once(child.stdout, 'data') };
}

/** The second figure of statm: resident pages. */
async function residentOf({ pid }: ChildProcess): Promise<number> {
  const pages = Number((await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ')[1]);
  return pages * PAGE_BYTES;
}
/** On every machine that this runs on. */
const PAGE_BYTES = 4096;

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}
