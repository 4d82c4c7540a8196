/** `nightshift start` and `nightshift actor <name>`: processes that stay until they are told to end. */
import { ALL, CTL, modelDeployedSubject } from '../../contracts/subjects.ts';
import { loadConfig, type Config } from '../../infra/config.ts';
import { createLogger } from '../../infra/logger.ts';
import { startActor, startSystem, type ActorName } from '../../main.ts';
import type { GlobalOptions } from '../program.ts';
import { untilSignal } from '../signals.ts';

export async function startCommand({ config: path }: GlobalOptions): Promise<void> {
  const config = loadConfig({ path, env: process.env });
  const log = createLogger(config.log);
  const system = await startSystem(config, log);
  process.stdout.write(greeting(system.server.url, config));
  const signal = await untilSignal();
  log.info({ signal }, 'stopping');
  await system.stop();
}

export async function actorCommand(name: ActorName, { config: path, server }: GlobalOptions): Promise<void> {
  const config = loadConfig({ path, env: process.env });
  const log = createLogger(config.log);
  const url = serverUrl({ server }, config);
  const actor = await startActor(name, url, config, log);
  process.stdout.write(`${name} works at ${url}; Ctrl-C ends it\n`);
  const signal = await untilSignal();
  log.info({ signal }, 'stopping');
  await actor.stop();
}

/** Where a running system is: --server, else NATS_URL, else the port on which \`start\` puts its own server. */
export const serverUrl = ({ server }: GlobalOptions, config: Config) =>
  server ?? config.nats.url ?? `nats://127.0.0.1:${config.nats.port}`;

function greeting(url: string, config: Config): string {
  const models = Object.keys(config.models);
  const model = models[0] ?? 'face';
  const configured = models.length > 0 ? models.join(', ') : 'none yet: write nightshift.config.json (see README.md)';
  return `
Nightshift is up.
  nats-server   ${url}
  models        ${configured}

  start a run   nats pub ${CTL.pipelineStart} '{"model":"${model}"}'
  watch         nats sub '${ALL.events}'
  deployed      nats sub ${modelDeployedSubject(model)}
  roll back     nats pub ${CTL.modelRollback} '{"model":"${model}"}'
  recognise     nats req infer.${model}.identify < face.png

The same by command: nightshift run, status, runs, rollback. Ctrl-C stops everything.
`;
}
