/**
 * Who refers to what: deployment records and runs, reduced to the references in them. References are found wherever they
 * stand in a record, so a field that a later version adds holds its object without a line here. Pure.
 */
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.ts';
import { BlobRefSchema, type BlobRef } from '../../contracts/references.ts';
import { DeploymentSchema, type Deployment, type ModelPair } from '../../contracts/release.ts';

/** Somebody who needs these things, in words for people. */
export interface Claim {
  readonly reason: string;
  readonly model: string;
  /** Runs whose folders are needed whole: weights, cards and reports are found beside a model. */
  readonly runs: readonly string[];
  readonly refs: readonly BlobRef[];
}

export interface KnownRun {
  readonly runId: string;
  readonly model: string;
  readonly startedAt: Date;
  readonly isActive: boolean;
  /** Null while it collects, and of one that failed before. */
  readonly dataset: BlobRef | null;
  /** Of its own results, from which it can be forked. */
  readonly results: readonly BlobRef[];
  /** Everything that its record refers to; of a run that is under way alone. */
  readonly refs: readonly BlobRef[];
}

/** Each reference once. */
export function refsIn(value: unknown): BlobRef[] {
  const found = new Map<string, BlobRef>();
  const look = (inner: unknown): void => {
    if (typeof inner !== 'object' || inner === null) return;
    const ref = BlobRefSchema.safeParse(inner);
    if (ref.success) found.set(`${ref.data.bucket}/${ref.data.key} ${ref.data.digest}`, ref.data);
    else for (const field of Object.values(inner)) look(field);
  };
  look(value);
  return [...found.values()];
}

/** Throws RECORD_DAMAGED: nothing may be deleted while it is not known what serves. */
export function claimsOf(key: string, value: unknown): Claim[] {
  const parsed = DeploymentSchema.safeParse(value);
  if (!parsed.success) throw damaged(`DEPLOYMENTS/${key}`);
  const { model, current, previous, announced, retained }: Deployment = parsed.data;
  const claim = (pair: ModelPair, reason: string): Claim => ({
    ...{ reason, model, runs: [pair.runId], refs: refsIn(pair) },
  });
  return [
    ...(current ? [claim(current, `release ${current.release} of ${model} is in service`)] : []),
    ...(previous ? [claim(previous, `release ${previous.release} of ${model} is the one before`)] : []),
    ...(announced ? [claim(announced, `run ${announced.runId} has announced it`)] : []),
    ...retained.map((release) => claim(release, `release ${release.release} of ${model} is retained`)),
  ];
}

const RunSchema = z.looseObject({
  startedAt: z.string(),
  status: z.string(),
  context: z.looseObject({
    ...{ runId: z.string(), model: z.string() },
    ...{ dataset: BlobRefSchema.nullish(), candidate: BlobRefSchema.nullish(), verification: z.unknown() },
  }),
});

/** Throws RECORD_DAMAGED. */
export function runOf(key: string, value: unknown): KnownRun {
  const parsed = RunSchema.safeParse(value);
  if (!parsed.success) throw damaged(`RUNS/${key}`);
  const { startedAt, status, context } = parsed.data;
  const { runId, model, dataset, candidate, verification } = context;
  const isActive = status !== 'done';
  return {
    ...{ runId, model, startedAt: new Date(startedAt), isActive, dataset: dataset ?? null },
    results: refsIn([dataset, candidate, verification]),
    refs: isActive ? refsIn(value) : [],
  };
}

const damaged = (record: string) =>
  new PipelineError(
    'RECORD_DAMAGED',
    `janitor: ${record} cannot be read, so nobody knows what it refers to, and nothing is deleted`,
  );
