/**
 * Follows a model's deployment record: hears each change at once by a watch, and looks again every few seconds in case
 * the watch missed one (a server that was replaced, a watch that ended). Hands on each revision once, in order.
 */
import type { Deployment } from '../../contracts/release.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { RecordStore, Stored, Watch } from '../../infra/stores/record-store.ts';

export interface FollowOptions {
  readonly deployments: RecordStore<Deployment>;
  readonly model: string;
  readonly log: Logger;
  readonly onRecord: (deployment: Deployment) => void;
}

export interface Following {
  /** Reads the record now, and resolves when it has been handed on. */
  look(): Promise<void>;
  stop(): Promise<void>;
}

/** A missed change is found within this time; cheap, because it is one small read. */
const RESYNC_MS = 3_000;

/** Resolves when the record, if there is one, has been handed on for the first time. */
export async function followDeployment({ deployments, model, log, onRecord }: FollowOptions): Promise<Following> {
  let watch: Watch | null = null;
  let revision = 0;
  let stopped = false;
  const handOn = (stored: Stored<Deployment> | null) => {
    if (stopped || !stored || stored.revision <= revision) return;
    revision = stored.revision;
    onRecord(stored.value);
  };
  const openWatch = async () => {
    const opened = await deployments.watch(model, handOn);
    if (stopped) return opened.stop();
    watch = opened;
    const forget = (err?: unknown) => {
      watch = null;
      if (!stopped) log.warn({ err }, 'replica: the watch of the deployment record ended; opening it again');
    };
    void opened.ended.then(forget, forget);
  };
  const look = async () => {
    handOn(await deployments.load(model));
    if (!watch) await openWatch();
  };
  await look();
  let looking = Promise.resolve();
  const timer = setInterval(() => {
    looking = look().catch((err) => log.warn({ err }, 'replica: the deployment record cannot be read now'));
  }, RESYNC_MS);
  return {
    look,
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      watch?.stop();
      await looking;
    },
  };
}
