/**
 * A replica's touch with the others: its heartbeat, the record that it follows, and the standing that comes of both.
 * After every absence the record is read once the heartbeat is stored again, in this order: a deployment that did not
 * wait for this replica is in what it reads then.
 */
import type { Deployment } from '../../contracts/release.ts';
import type { ReplicaStatus } from '../../contracts/replica.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { RecordStore } from '../../infra/stores/record-store.ts';
import type { HeartbeatStore } from '../../infra/stores/replica-store.ts';
import { followDeployment, type Following } from './follow.ts';
import { startHeartbeat, type Heartbeat } from './heartbeat.ts';
import type { Replica } from '../../services/serving/replica/replica.ts';

export interface PresenceOptions {
  readonly replicas: HeartbeatStore<ReplicaStatus>;
  readonly deployments: RecordStore<Deployment>;
  readonly model: string;
  readonly replica: Replica;
  readonly log: Logger;
}

export interface Presence {
  readonly heartbeat: Heartbeat;
  /** Resolves when the replica is known to others and knows the record. */
  begin(onRecord: (deployment: Deployment) => void, onStanding: () => void): Promise<void>;
  /** To be called after each switch: a replica that serves what is wanted may answer. */
  confirm(): void;
  /** Hears of no more records; the heartbeat goes on. */
  unfollow(): Promise<void>;
}

export function createPresence({ replicas, deployments, model, replica, log }: PresenceOptions): Presence {
  const { standing } = replica;
  let following: Following | null = null;
  let wanted: number | null = null;
  let onStanding = () => {};

  const heartbeat = startHeartbeat({
    store: replicas,
    status: () => replica.status(),
    onStored: (aliveUntilMs) => {
      standing.renew(aliveUntilMs);
      // It logs its errors.
      if (following && !standing.isInformed) void catchUp(following);
    },
    log,
  });
  const confirm = () => {
    if (wanted === (replica.served?.release ?? null)) standing.confirm();
    onStanding();
  };
  const catchUp = async ({ look }: Following) => {
    const { term } = standing;
    try {
      await look();
    } catch (err) {
      return log.warn({ err }, 'replica: the deployment record cannot be read; requests are held');
    }
    standing.inform(term);
    confirm();
  };
  return {
    heartbeat,
    begin: async (onRecord, whenChanged) => {
      onStanding = whenChanged;
      const handOn = (deployment: Deployment) => {
        wanted = deployment.current?.release ?? null;
        onRecord(deployment);
        onStanding();
      };
      following = await followDeployment({ deployments, model, log, onRecord: handOn });
      await heartbeat.beat();
      await catchUp(following);
    },
    confirm,
    unfollow: async () => {
      await following?.stop();
      following = null;
    },
  };
}
