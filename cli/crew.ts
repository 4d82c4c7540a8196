/**
 * The actors of `nightshift start`, each in a process of its own: code that crashes, hangs or takes all memory in one ends
 * that one, and the thread that serves shares its event loop with nobody. supervisor.ts keeps them up.
 */
import { ACTORS, SERVING, type ActorName } from '../actors/names.ts';
import { environmentFor, onlyFor } from '../infra/access/login-of.ts';
import type { Role } from '../contracts/roles.ts';
import type { Config } from '../infra/config/config.ts';
import { NO_NOTIFY, variablesOfNotify } from '../contracts/configuration/notify.ts';
import { variablesOfLogins } from '../infra/config/gateway.ts';
import type { Logger, LogLevel, LogSink } from '../runtime/logger.ts';
import { startPart } from '../runtime/processes.ts';
import { systemOf } from '../infra/config/system.ts';
import { supervise, type PartSpec, type Supervisor } from './supervisor.ts';

export interface Crew extends Omit<Supervisor, 'start' | 'tell'> {
  /** The server listens: the actors work from now on. */
  start(url: string, config: Config): void;
  /** Those that are started later log at this level as well. */
  reload(level: LogLevel): void;
}

/** What is deployed serves while the rest is still starting. */
const ORDER: readonly ActorName[] = ['inference', ...ACTORS.filter((name) => name !== 'inference')];

/** Requests wait for the one, and all others for the decisions of the other. */
const AWAITED: readonly ActorName[] = ['inference', 'orchestrator'];

/** `config` for all that concerns the processes; what the actors work by comes with `start`. */
export function hireCrew({ nats, gateway, notify, supervisor }: Config, log: Logger, sink: LogSink): Crew {
  let work: { readonly url: string; readonly config: Config } | null = null;
  const { restartsMax, memoryMaxMiB } = supervisor;
  const system = systemOf({ nats });
  const parts = ORDER.filter((name) => name !== 'gateway' || gateway.enabled).map((name): PartSpec => {
    const ofIt = memoryMaxMiB[name];
    return {
      name,
      launch: () =>
        startPart('cli/actor.process', {
          name,
          memoryMaxMiB: ofIt,
          isServing: SERVING.has(name),
          env: secretsFor(name, { nats, gateway, notify }, process.env),
        }),
      orders: () => {
        const { url, config } = work!; // Asked for from `start` on.
        return { type: 'start', url, system, config: settingsFor(name, config) };
      },
      memoryMaxMiB: ofIt,
      isAwaited: AWAITED.includes(name),
    };
  });
  const whole = supervise({ parts, restartsMax, log, sink });
  return {
    ...whole,
    start: (url, config) => {
      work = { url, config };
      whole.start();
    },
    reload: (level) => {
      if (work) work = { ...work, config: { ...work.config, log: { level } } };
      whole.tell({ type: 'reload', level });
    },
  };
}

/** The gateway acts for those who log in to it, and so it has their logins; no other actor has. */
const rolesOf = (name: ActorName, { logins }: Config['gateway']): readonly Role[] =>
  name === 'gateway' ? [name, ...new Set(Object.values(logins).map(({ role }) => role))] : [name];

function settingsFor(name: ActorName, config: Config): Config {
  const nats = onlyFor(config.nats, ...rolesOf(name, config.gateway));
  const gateway = name === 'gateway' ? config.gateway : { ...config.gateway, logins: {} };
  const notify = name === 'orchestrator' ? config.notify : NO_NOTIFY;
  return { ...config, nats, gateway, notify };
}

type WithSecrets = Pick<Config, 'nats' | 'gateway' | 'notify'>;

function secretsFor(name: ActorName, { nats, gateway, notify }: WithSecrets, env: NodeJS.ProcessEnv) {
  const kept = environmentFor(nats, rolesOf(name, gateway), env);
  const foreign = new Set([
    ...(name === 'gateway' ? [] : variablesOfLogins(gateway)),
    ...(name === 'orchestrator' ? [] : variablesOfNotify(notify)),
  ]);
  return Object.fromEntries(Object.entries(kept).filter(([variable]) => !foreign.has(variable)));
}
