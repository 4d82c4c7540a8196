/** `nightshift start` and `nightshift actor <name>`: processes that stay until they are told to end. */
import type { ClientRole } from '../../contracts/roles.ts';
import { ALL, CTL, inferSubject, modelDeployedSubject } from '../../contracts/subjects.ts';
import { LocalSectionSchema } from '../../contracts/configuration/local.ts';
import { PipelineConfigSchema } from '../../contracts/configuration/pipeline.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { CONFIG_FILE, type Config } from '../../infra/config/config.ts';
import type { Server } from '../../infra/server/server.ts';
import { shortenPauses } from '../../runtime/garbage.ts';
import { createLogger, openLogSink, type Logger } from '../../runtime/logger.ts';
import { SERVING, type ActorName } from '../../actors/names.ts';
import { openServer, startActor, type Actor } from '../../main.ts';
import type { sourcesOf } from '../../demo/data-services.ts';
import { wireSubject } from '../../infra/topology/namespace.ts';
import { keepNote } from '../../runtime/readiness.ts';
import { contextNameOf } from '../../infra/access/nats-cli-context.ts';
import type { GlobalOptions } from '../global-options.ts';
import { hireCrew, type Crew } from '../crew.ts';
import { applyReload, levelAnew } from '../reload.ts';
import { systemOf } from '../../infra/config/system.ts';
import { endOnSignal, type Ending } from '../shutdown.ts';
import { configOf, serverUrl } from '../with-client.ts';

/** Beyond the grace of the actors, which end themselves in it: together they stay below ten seconds by default. */
const MARGIN_MS = 1_500;
/** A fatal error ends the whole within five seconds; what works still gets this long. */
const FATAL_GRACE_MS = 3_000;

export async function startCommand({ insecure = false, inspect }: StartOptions, global: GlobalOptions): Promise<void> {
  const configured = withInspect(withInsecure(configOf(global), insecure), inspect);
  const sink = openLogSink();
  const log = createLogger(configured.log, sink);
  const { graceMs } = configured.shutdown;
  // From here on: a Ctrl-C while it starts is obeyed.
  const ending = endOnSignal(graceMs, log, MARGIN_MS);
  refuseNothingToDo(configured);
  const whole = new Whole(hireCrew(configured, log, sink), log);
  ending.watch(whole.crew);
  const forget = keepNote('start', systemOf(configured), whole.crew.lacking);
  ending.onReload(() => {
    const level = levelAnew(() => configOf(global), log);
    if (level === null) return;
    applyReload(level, null, log);
    whole.crew.reload(level);
  });
  try {
    await whole.work(configured, ending);
    await whole.stop(graceMs);
  } catch (error) {
    ending.within(FATAL_GRACE_MS + MARGIN_MS, 'not stopped after a fatal error');
    await whole.stop(FATAL_GRACE_MS);
    throw error;
  } finally {
    forget();
  }
}

/** The synthetic default is for a server of our own: nobody's production gets faces because somebody started something. */
function refuseNothingToDo({ nats, models, local, file = CONFIG_FILE }: Config): void {
  const defined = [models, ...Object.values(local)].some((it: object) => Object.keys(it).length > 0);
  if (nats.url === undefined || defined) return;
  throw new PipelineError(
    'CONFIG_INVALID',
    `${file} has no model and nothing that one names, so there is nothing to start at ${nats.url}, where the system of ` +
      'somebody may run: write a configuration file, start single actors with `nightshift actor <name>`, or leave out ' +
      'NATS_URL, --server and nats.url for a server of your own with synthetic faces',
  );
}

/** All that `start` brings up, in this process and in others. */
class Whole {
  readonly crew: Crew;
  readonly #log: Logger;
  #server: Server | null = null;
  #synthetic: Synthetic | null = null;

  constructor(crew: Crew, log: Logger) {
    this.crew = crew;
    this.#log = log;
  }

  /** Resolves when it is told to end. */
  async work(configured: Config, ending: Ending): Promise<void> {
    const isSynthetic = Object.keys(configured.models).length === 0 && configured.nats.url === undefined;
    if (isSynthetic) this.#synthetic = await syntheticServices();
    const config = this.#synthetic ? withSyntheticModel(configured, this.#synthetic) : configured;
    this.#server = await openServer(config, this.#log);
    this.crew.start(this.#server.url, config);
    const end = Promise.race([ending.asked, this.crew.failed]);
    const early = await Promise.race([this.crew.up, end]);
    if (early === undefined) tellUp(this.#server.url, config, isSynthetic);
    this.#log.info({ signal: await end }, 'stopping');
  }

  /** The actors need the server for their graceful end. */
  async stop(graceMs: number): Promise<void> {
    const killed = await this.crew.stop(graceMs);
    await this.#server?.stop();
    await this.#synthetic?.close();
    if (killed.length === 0) return;
    this.#log.error({ killed }, `ended without: ${killed.join(', ')}, which did not stop in time`);
    process.exitCode = 1;
  }
}

function tellUp(url: string, config: Config, isSynthetic: boolean): void {
  if (config.nats.insecure) process.stderr.write(INSECURE);
  process.stdout.write(greeting(url, config, isSynthetic));
}

export interface ActorOptions {
  /** A port, or true: the usual one. */
  readonly inspect?: number | true;
}
export interface StartOptions extends ActorOptions {
  readonly insecure?: boolean;
}

/** Nobody registered it, and it stands beside the gateway's. */
const INSPECT_PORT = 7481;
const withInspect = (config: Config, inspect: ActorOptions['inspect']): Config =>
  inspect === undefined ? config : { ...config, inspectPort: inspect === true ? INSPECT_PORT : inspect };

const withInsecure = (config: Config, insecure: boolean): Config =>
  insecure ? { ...config, nats: { ...config.nats, insecure } } : config;

/** Nobody stands at a door here, so no image is held back for one. */
const SYNTHETIC = { folder: null, probesPerPerson: 0 } as const;

/** Sixty drawn strangers can show this much, and not the default's one in a hundred. */
const SYNTHETIC_DECISION = { identify: { fpir: 0.05 }, verify: { far: 0.01 } };

/** Nothing is configured yet: a model over the two demo services, so that every line of the README works at once. */
function withSyntheticModel(config: Config, { sources, strangers }: Synthetic): Config {
  // By name alone: the ports of the services are others at each start, and the model is the same.
  const namesOf = (all: readonly { readonly name: string }[]) => all.map(({ name }) => ({ type: 'local', name }));
  const named = { sources: namesOf(sources), strangers: namesOf(strangers), decision: SYNTHETIC_DECISION };
  const services = LocalSectionSchema.parse({ sources: [...sources, ...strangers] });
  const local = { ...config.local, sources: [...config.local.sources, ...services.sources] };
  return { ...config, local, models: { face: PipelineConfigSchema.parse(named) } };
}

interface Synthetic {
  readonly sources: ReturnType<typeof sourcesOf>['sources'];
  readonly strangers: ReturnType<typeof sourcesOf>['strangers'];
  close(): Promise<void>;
}

/** Its code draws pictures, which only this needs. */
async function syntheticServices(): Promise<Synthetic> {
  const { sourcesOf, startDataServices } = await import('../../demo/data-services.ts');
  const data = await startDataServices(SYNTHETIC);
  return { ...sourcesOf(data), close: () => data.close() };
}

export async function actorCommand(name: ActorName, { inspect }: ActorOptions, global: GlobalOptions): Promise<void> {
  const config = withInspect(configOf(global), inspect);
  const log = createLogger(config.log);
  const url = serverUrl(config);
  const ending = endOnSignal(config.shutdown.graceMs, log);
  if (SERVING.has(name)) shortenPauses();
  let actor: Actor | null = null;
  ending.onReload(() => {
    const level = levelAnew(() => configOf(global), log);
    if (level !== null) applyReload(level, actor, log);
  });
  actor = await startActor(name, url, config, log);
  ending.watch(actor);
  const forget = keepNote(name, systemOf(config), actor.lacking);
  process.stdout.write(`${name} works at ${url}; Ctrl-C ends it\n`);
  log.info({ signal: await ending.asked }, 'stopping');
  forget();
  await actor.stop();
}

const CONTEXTS =
  '\n  once before   nightshift auth context operator door, which writes these contexts of the NATS CLI\n';
const INSECURE =
  'nightshift: INSECURE: the nats-server asks nobody who it is, so every program on this machine may start runs, enrol people and read faces\n';

/** Without a port that is chosen at the start; the log has it. */
const httpOf = ({ gateway: { enabled, host, port, tls } }: Config) =>
  enabled && port !== 0 ? `  HTTP          ${tls ? 'https' : 'http'}://${host}:${port}\n` : '';

function greeting(url: string, config: Config, isSynthetic: boolean): string {
  const models = Object.keys(config.models);
  const model = models[0] ?? '<model>'; // On a server of somebody else there may be none in the file.
  const data = isSynthetic
    ? 'SYNTHETIC faces (no model is configured); write nightshift.config.json for your own, see README.md'
    : config.nats.url === undefined
      ? models.join(', ')
      : 'those that are applied there: nightshift config show';
  const { namespace } = config.nats;
  const wire = (subject: string) => wireSubject(namespace, subject);
  const hasRoles = config.nats.url === undefined && !config.nats.insecure;
  const as = (role: ClientRole) => (hasRoles ? `nats --context ${contextNameOf(namespace, role)}` : 'nats');
  return `
Nightshift is up.
  nats-server   ${url}
${httpOf(config)}  models        ${isSynthetic ? `${model}, on ${data}` : data}

  start a run   ${as('operator')} pub ${wire(CTL.pipelineStart)} '{"model":"${model}"}'
  watch         ${as('operator')} sub '${wire(ALL.events)}'
  deployed      ${as('operator')} sub ${wire(modelDeployedSubject(model))}
  roll back     ${as('operator')} pub ${wire(CTL.modelRollback)} '{"model":"${model}"}'
  recognise     ${as('door')} req --force-stdin --no-templates ${wire(inferSubject(model, 'identify'))} < face.png
${hasRoles ? CONTEXTS : ''}
The same by command: nightshift run, status, runs, rollback, ask. Ctrl-C stops everything.
`;
}
