/**
 * Starts the processes of model hosts on behalf of another. It is small, so that starting one takes a millisecond: a
 * start copies the starter's page table, which holds up a replica for 16 ms per 250 MB and slows it after that. Each
 * host begins at the lowest priority. Started by host-launcher.ts; ends with its parent, and the hosts do, too.
 */
import { lowerPriority } from '../../../runtime/priority.ts';
import { startLoneProcess } from '../../../runtime/processes.ts';
import type { FromLauncher, ToLauncher } from './host-launcher.messages.ts';

/**
 * A host speaks to nobody but us; to read certificates for it takes three times as long as all else that Node does
 * first.
 */
const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
/** A parent that was killed hears nothing any more; this process ends with it. */
const say = (message: FromLauncher) => void process.send?.(message, undefined, undefined, () => {});

process.on('message', ({ hostId, socketPath }: ToLauncher) => launch(hostId, socketPath));

function launch(hostId: string, socketPath: string): void {
  const child = startLoneProcess('services/serving/host/model-host.process', [socketPath, hostId], env);
  const ended = (reason: string) => say({ type: 'ended', hostId, reason });
  child.once('exit', (code, signal) => ended(`its process ended with ${signal ?? `code ${code}`}`));
  child.once('error', ({ message }) => {
    if (child.pid === undefined) ended(`its process could not be started: ${message}`);
  });
  if (child.pid === undefined) return;
  lowerPriority(child.pid);
  say({ type: 'launched', hostId, pid: child.pid });
}
