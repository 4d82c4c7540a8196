/**
 * The nights before a run, as far as it has to know them: the figures of earlier releases, which the verifier may not let
 * it fall far below, and the last verdict, whose data, configuration and champion may be those of tonight. Read once,
 * when a run begins.
 */
import type { CarriedPipeline } from '../../contracts/configuration/carried.ts';
import type { Deployment, LedgerEntry, ModelPair } from '../../contracts/release.ts';
import type { PastFigures } from '../../contracts/verification.ts';
import type { PipelineInput } from '../../machines/pipeline.machine.ts';
import { statePath, type Checkpoint } from '../../machines/step.ts';
import { isKnown, upcast } from '../../machines/versions.ts';
import { canonical } from '../../services/signing/canonical.ts';
import { runKey, type OrchestratorContext } from './context.ts';

/** A month of nights. Each costs one read of the store when a run begins. */
const HISTORY_MAX = 30;

type Past = Pick<PipelineInput, 'history' | 'unchangedContent' | 'lastVerdict'>;

/** The run that held a lock before: its id, and what is stored of it if that was read on the way. */
export interface Before {
  readonly runId: string;
  readonly checkpoint: Checkpoint | null;
}

/** `before`: the run that held the model's lock before this one. */
export async function lookBack(
  o: OrchestratorContext,
  before: Before | null,
  record: Deployment | null,
  pipeline: CarriedPipeline,
): Promise<Past> {
  const run = before?.checkpoint ? readable(before.checkpoint) : await find(o, before?.runId ?? null);
  const lastVerdict = run && (isJudged(run) ? run.context.runId : run.context.lastVerdict);
  // A night without a change says of its data, configuration and champion as much as the one that it was compared with.
  const isBasis = run !== null && (isJudged(run) || statePath(run.value) === 'unchanged');
  const basis = isBasis ? run : await find(o, lastVerdict);
  return {
    history: await historyOf(o, record?.ledger ?? []),
    unchangedContent: basis && isSame(basis, record?.current ?? null, pipeline) ? basis.context.content : null,
    lastVerdict,
  };
}

/** Null if there is none, it is gone, or it is of a version that is not known here. */
async function find(o: OrchestratorContext, runId: string | null): Promise<Checkpoint | null> {
  const stored = runId === null ? null : await o.runs.load(runKey(runId));
  return stored && readable(stored.value);
}

const readable = (checkpoint: Checkpoint) => (isKnown(checkpoint) ? upcast(checkpoint) : null);

/** The gates or a person have decided about its candidate. If nobody did in time, the next night has to ask again. */
function isJudged({ value, cause, context: { verification } }: Checkpoint): boolean {
  const state = statePath(value);
  if (state === 'completed') return true;
  return state === 'rejected' && (verification?.admitted === false || cause === 'operator.reject');
}

/** Configuration and champion are as that run left them; its data may be as well. */
function isSame({ value, context }: Checkpoint, champion: ModelPair | null, pipeline: CarriedPipeline): boolean {
  const { candidate, verification } = context;
  const isServed = statePath(value) === 'completed' && candidate !== null && verification !== null;
  const left = isServed ? { ...verification, model: verification.refit ?? candidate } : context.champion;
  return isSamePair(left, champion) && isSameText(whatCounts(context.pipeline), whatCounts(pipeline));
}

/** Most nights the fields stand in the same order, and nothing has to be ordered. A setting without a value is none. */
const isSameText = (a: object, b: object) => JSON.stringify(a) === JSON.stringify(b) || canonical(a) === canonical(b);

type Pair = Pick<ModelPair, 'model' | 'gallery' | 'faces'>;

export const isSamePair = (a: Pair | null, b: Pair | null): boolean =>
  (['model', 'gallery', 'faces'] as const).every((part) => a?.[part]?.digest === b?.[part]?.digest);

/** When a run starts, how long it waits, and how people speak of what it recognises changes no model. */
function whatCounts({ schedule: _, timeouts: __, retry: ___, noun: ____, ...rest }: CarriedPipeline): object {
  return rest;
}

async function historyOf(o: OrchestratorContext, ledger: Deployment['ledger']): Promise<PastFigures[]> {
  const figures = await Promise.all(releasesBefore(ledger).map((entry) => figuresOf(o, entry)));
  return figures.filter((it) => it !== null);
}

/**
 * The releases that a run made, newest first, each pair once. An operator's blessing is a new standard: what was before
 * it no longer counts, or each night after it would be measured by what the operator has given up.
 */
function releasesBefore(ledger: Deployment['ledger']): readonly LedgerEntry[] {
  const newest = ledger.toReversed().filter(({ reason }) => reason === 'deployed' || reason === 'blessed');
  const blessed = newest.findIndex(({ reason }) => reason === 'blessed');
  const counting = blessed === -1 ? newest : newest.slice(0, blessed + 1);
  const isFirst = ({ modelDigest }: LedgerEntry, index: number) =>
    counting.findIndex((other) => other.modelDigest === modelDigest) === index;
  return counting.filter(isFirst).slice(0, HISTORY_MAX);
}

/** Null if the run is gone, or its figures had another meaning. */
async function figuresOf(o: OrchestratorContext, { runId, release }: LedgerEntry): Promise<PastFigures | null> {
  const figures = (await find(o, runId))?.context.verification?.figures;
  if (!figures) return null;
  const { recognition, verify, identify, people } = figures.candidate.accuracy;
  return {
    runId,
    release,
    rank1PerPerson: recognition.rank1PerPerson,
    fnir: recognition.fnir,
    tar: verify.tar,
    people,
    identifyThreshold: identify.threshold,
  };
}
