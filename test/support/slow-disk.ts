/**
 * A disk that is slow for one process: the kernel lets so many of its writes through in a second (control groups, version 1
 * or 2). Only root may set that, and only a folder on a real disk has it, so it is not there everywhere.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SlowDisk {
  /** Writes that have passed the limit so far. */
  writes(): number;
}

interface Controller {
  readonly root: string;
  /** File that takes `<device> <this><writes per second>`. */
  readonly limit: readonly [file: string, prefix: string];
  /** The line of the device, and in it the number of writes. */
  readonly count: readonly [file: string, pattern: RegExp];
}

const CONTROLLERS: readonly Controller[] = [
  {
    root: '/sys/fs/cgroup/blkio',
    limit: ['blkio.throttle.write_iops_device', ''],
    count: ['blkio.throttle.io_serviced', /Write (\d+)/],
  },
  { root: '/sys/fs/cgroup', limit: ['io.max', 'wiops='], count: ['io.stat', /wios=(\d+)/] },
];

/** The reason why there is none here, or null. */
export function whyNoSlowDisk(): string | null {
  try {
    const { leave } = limited(1_000);
    leave();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** While `use` is under way the process gets `writesPerSecond` on the disk of the temporary folder. */
export async function withSlowDisk<T>(
  pid: number,
  writesPerSecond: number,
  use: (disk: SlowDisk) => Promise<T>,
): Promise<T> {
  const { enter, leave, writes } = limited(writesPerSecond);
  enter(pid);
  try {
    return await use({ writes });
  } finally {
    leave(pid);
  }
}

function limited(writesPerSecond: number) {
  const { dev } = statSync(tmpdir());
  // As the C library takes a device number apart; beyond 255 devices of a kind it would be longer.
  const device = `${(dev >> 8) & 0xfff}:${dev & 0xff}`;
  const controller = CONTROLLERS.find(({ root }) => existsSync(join(root, 'cgroup.procs')) && hasLimit(root));
  if (!controller) throw new Error('no control group that limits writes');
  const { root, limit, count } = controller;
  const group = join(root, `nightshift-test-${process.pid}`);
  mkdirSync(group);
  const leave = (pid?: number) => {
    if (pid !== undefined) moveIfThere(pid, join(root, 'cgroup.procs'));
    rmdirSync(group);
  };
  try {
    writeFileSync(join(group, limit[0]), `${device} ${limit[1]}${writesPerSecond}`);
  } catch (error) {
    leave();
    throw error;
  }
  return {
    leave,
    enter: (pid: number) => writeFileSync(join(group, 'cgroup.procs'), String(pid)),
    writes: () => Number(count[1].exec(readFileSync(join(group, count[0]), 'utf8'))?.[1] ?? 0),
  };
}

function moveIfThere(pid: number, procs: string): void {
  try {
    writeFileSync(procs, String(pid));
  } catch (error) {
    // A process that has ended has left the group, and whoever waits for it knows better why.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // Of node:fs.
  }
}

/** Version 1 has the controller's files in its root, version 2 names those that may be used below it. */
function hasLimit(root: string): boolean {
  const shared = join(root, 'cgroup.subtree_control');
  return (
    existsSync(join(root, 'blkio.throttle.write_iops_device')) ||
    (existsSync(shared) && readFileSync(shared, 'utf8').split(/\s/).includes('io'))
  );
}
