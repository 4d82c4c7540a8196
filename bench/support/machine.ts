/** How busy the machine was while something was measured: a latency says little where others had the processors. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

export interface MachineUse {
  readonly processors: number;
  /** Shares of the time of all processors, 0..1. */
  readonly idle: number;
  /** Taken by the host for other virtual machines. */
  readonly stolen: number;
}

/** Call the answer at the end. Null where the system does not tell. */
export function watchMachine(): () => MachineUse | null {
  const from = ticks();
  return () => {
    const to = ticks();
    if (!from || !to) return null;
    const spent = to.map((value, i) => value - from[i]!);
    const total = spent.reduce((sum, value) => sum + value, 0);
    return { processors: availableParallelism(), idle: spent[IDLE]! / total, stolen: spent[STOLEN]! / total };
  };
}

/** For people; empty where nobody knows. */
export function describeMachine(use: MachineUse | null): string[] {
  if (!use) return [];
  const percent = (share: number, digits: number) => `${(100 * share).toFixed(digits)} %`;
  const { processors, idle, stolen } = use;
  return [
    `${processors} processors, ${percent(idle, 0)} idle meanwhile, ${percent(stolen, 1)} taken by the host for others`,
  ];
}

/** The first line of /proc/stat (proc(5)): user, nice, system, idle, iowait, irq, softirq, steal; the rest is in user. */
function ticks(): readonly number[] | null {
  if (process.platform !== 'linux') return null;
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  return line
    .trim()
    .split(/\s+/)
    .slice(1, 1 + COLUMNS)
    .map(Number);
}
const COLUMNS = 8;
const IDLE = 3;
const STOLEN = 7;
