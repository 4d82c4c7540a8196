/** The processes of model hosts, kept in sight, so that a test can kill or stop one. */
import { startHostProcess, type HostProcess } from '../../services/serving/host/host-process.ts';
import { keepSpare, type HostProcesses } from '../../services/serving/host/host-spares.ts';

export interface SeenProcesses extends HostProcesses {
  /** In the order of their starts; a spare is one of them from its start on. */
  readonly started: readonly HostProcess[];
  /** In the order in which hosts took them. */
  readonly taken: readonly HostProcess[];
}

/** With one spare. `tamper` may replace what a process does; `index` counts the starts. */
export function seeProcesses(tamper = (process: HostProcess, _index: number) => process): SeenProcesses {
  const started: HostProcess[] = [];
  const taken: HostProcess[] = [];
  const spares = keepSpare(async () => {
    const process = tamper(await startHostProcess(), started.length);
    started.push(process);
    return process;
  });
  const take = async () => {
    const process = await spares.take();
    taken.push(process);
    return process;
  };
  return { ...spares, take, started, taken };
}

/** Whether the kernel still knows the process. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
