/**
 * Has the processes of model hosts started by a small process of its own (host-launcher.process.ts), one per process
 * that has hosts, begun when the first is needed. A launcher that is lost takes no host with it, and another takes its
 * place.
 */
import { randomUUID } from 'node:crypto';
import { startProcess } from '../../../runtime/processes.ts';
import type { Channel } from '../../../runtime/channel.ts';
import { hostHome } from './host-home.ts';
import type { FromLauncher, ToLauncher } from './host-launcher.messages.ts';

export interface LaunchedHost {
  readonly pid: number;
  /** Resolves when it is ready for a model; never if it ends before. */
  readonly channel: Promise<Channel>;
  /** Resolves with the reason when it is gone. */
  readonly ended: Promise<string>;
}

interface Launcher {
  launch(): Promise<LaunchedHost>;
  /** Resolves when the launcher is. */
  readonly gone: Promise<void>;
}

let current: Promise<Launcher> | null = null;

/** Rejects if no process can be started. */
export async function launchHost(): Promise<LaunchedHost> {
  current ??= startLauncher();
  const launcher = current;
  const forget = () => {
    if (current === launcher) current = null;
  };
  launcher.then(({ gone }) => gone.then(forget), forget);
  return (await launcher).launch();
}

async function startLauncher(): Promise<Launcher> {
  const home = await hostHome();
  const child = startProcess('services/serving/host/host-launcher.process');
  const hosts = new Map<string, Host>();
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.on('message', (message: FromLauncher) => {
    const host = hosts.get(message.hostId);
    if (message.type === 'launched') host?.launched(message.pid);
    else host?.ended(message.reason);
  });
  void gone.then(() => hosts.forEach((host) => host.orphaned()));
  // If it is gone, `gone` says so.
  const tell = (message: ToLauncher) => void child.send(message, () => {});
  // It keeps this process alive only while there are hosts of which it has to tell.
  child.unref();
  child.channel?.unref();
  const launch = () => {
    const hostId = randomUUID();
    const onEnded = () => {
      home.forget(hostId);
      hosts.delete(hostId);
      if (hosts.size === 0) child.channel?.unref();
    };
    const host = createHost(onEnded);
    hosts.set(hostId, host);
    child.channel?.ref();
    home.expect(hostId, host.connected);
    tell({ type: 'launch', hostId, socketPath: home.socketPath });
    return host.launchedHost;
  };
  return { gone, launch };
}

/** A host as its launcher and its channel tell of it. */
interface Host {
  launched(pid: number): void;
  connected(channel: Channel): void;
  ended(reason: string): void;
  /** The launcher is gone: from now on the channel alone tells its end. */
  orphaned(): void;
  readonly launchedHost: Promise<LaunchedHost>;
}

function createHost(onEnded: () => void): Host {
  const pid = deferred<number>();
  const channel = deferred<Channel>();
  const ended = deferred<string>();
  let isConnected = false;
  let isOrphaned = false;
  const end = (reason: string) => {
    ended.resolve(reason);
    pid.reject(new Error(reason));
    onEnded();
  };
  return {
    launched: pid.resolve,
    connected: (opened) => {
      isConnected = true;
      opened.onClosed = () => {
        isConnected = false;
        if (isOrphaned) end('its process ended');
      };
      channel.resolve(opened);
    },
    ended: end,
    orphaned: () => {
      isOrphaned = true;
      if (!isConnected) end('its process ended, or could not be started, with the one that starts them');
    },
    launchedHost: pid.promise.then((known) => ({ pid: known, channel: channel.promise, ended: ended.promise })),
  };
}

function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((...ends) => ([resolve, reject] = ends));
  return { promise, resolve, reject };
}
