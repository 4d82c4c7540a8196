/** Deployment records and replica reports with sensible defaults, for tests of policies and of the replica. */
import type { Deployment, Release, ModelPair } from '../../contracts/release.ts';
import type { ReplicaStatus } from '../../contracts/replica.ts';

const digest = (text: string) => `sha256:${Buffer.from(text).toString('hex').padEnd(64, '0').slice(0, 64)}`;

export function pairOf(runId: string): ModelPair {
  const blob = (key: string) => ({
    bucket: 'MODELS' as const,
    key: `${runId}/${key}`,
    digest: digest(`${runId}${key}`),
    bytes: 1,
  });
  return { runId, model: blob('model.onnx'), gallery: blob('gallery'), golden: blob('golden') };
}

export const releaseOf = (runId: string, release: number): Release => ({
  ...pairOf(runId),
  release,
  committedAt: '2026-01-01T02:00:00.000Z',
});

export function deploymentOf(changes: Partial<Deployment> = {}): Deployment {
  const base: Omit<Deployment, 'releaseMax'> = {
    model: 'face',
    current: null,
    previous: null,
    announced: null,
    retained: [],
    ledger: [],
    runId: 'r1',
    change: 'announced',
  };
  const deployment = { ...base, releaseMax: 0, ...changes };
  return { ...deployment, releaseMax: Math.max(deployment.releaseMax, deployment.current?.release ?? 0) };
}

export function replicaOf(replicaId: string, changes: Partial<ReplicaStatus> = {}): ReplicaStatus {
  return {
    replicaId,
    model: 'face',
    startedAt: '2026-01-01T00:00:00.000Z',
    release: null,
    modelDigest: null,
    decision: null,
    resident: [],
    prepared: null,
    figures: { requests: 0, failed: 0, latencyMs: null, scores: null },
    former: null,
    canary: null,
    draining: false,
    outOfService: null,
    alarm: null,
    swapUs: null,
    ...changes,
  };
}
