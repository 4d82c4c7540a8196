/**
 * Follows a model's deployment record: hears each change at once by a watch, and looks again every few seconds in case
 * the watch missed one (a server that was replaced, a watch that ended). Hands on each revision in order, once if
 * it is obeyed.
 */
import { toFailure, type Failure } from '../../contracts/errors.ts';
import type { Deployment } from '../../contracts/release.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { RecordStore, Stored, Watch } from '../../infra/stores/record-store.ts';

export interface FollowOptions {
  readonly deployments: RecordStore<Deployment>;
  readonly model: string;
  readonly log: Logger;
  /** False: it is refused now, and is handed on again at the next look. */
  readonly onRecord: (stored: Stored<Deployment>) => boolean;
  /** A record that cannot be read. */
  readonly onDamaged: (failure: Failure) => void;
  /** There is none. */
  readonly onNone: () => void;
}

export interface Following {
  /** Reads the record now, and resolves when it has been handed on. Makes sure of the watch. */
  look(): Promise<void>;
  /** The same, and no more: it may be called again before it has resolved. */
  read(): Promise<void>;
  stop(): Promise<void>;
}

/** A missed change is found within this time; cheap, because it is one small read. */
const RESYNC_MS = 3_000;

/** Resolves when the record, if there is one, has been handed on for the first time. */
export async function followDeployment(options: FollowOptions): Promise<Following> {
  const { deployments, model, log, onRecord, onDamaged, onNone } = options;
  let watch: Watch | null = null;
  let revision = 0;
  let stopped = false;
  const handOn = (stored: Stored<Deployment> | null) => {
    if (stopped || !stored || stored.revision <= revision) return;
    if (onRecord(stored)) revision = stored.revision;
  };
  const openWatch = async () => {
    const opened = await deployments.watch(model, handOn, onDamaged);
    if (stopped) return opened.stop();
    watch = opened;
    const forget = (err?: unknown) => {
      watch = null;
      if (!stopped) log.warn({ err }, 'replica: the watch of the deployment record ended; opening it again');
    };
    void opened.ended.then(forget, forget);
  };
  const read = async () => {
    try {
      const stored = await deployments.load(model);
      if (stored) handOn(stored);
      else onNone();
    } catch (error) {
      const failure = toFailure(error);
      if (failure.code !== 'RECORD_DAMAGED') throw error;
      onDamaged(failure);
    }
  };
  const look = async () => {
    await read();
    if (!watch) await openWatch();
  };
  await look();
  let looking = Promise.resolve();
  const timer = setInterval(() => {
    looking = look().catch((err) => log.warn({ err }, 'replica: the deployment record cannot be read now'));
  }, RESYNC_MS);
  return {
    look,
    read,
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      watch?.stop();
      await looking;
    },
  };
}
