/**
 * The plan of a run: where it begins, and what it may have to take back, written when it starts and marked on the way.
 * Compensation goes through it from the front, the latest stage first.
 */
import type { WorkStage } from '../contracts/subjects.ts';
import type { PipelineContext, PipelineInput, UndoStep } from './context.ts';
import { STAGE_NAMES } from './stages.ts';

export const initialContext = ({ input }: { input: PipelineInput }): PipelineContext => ({
  ...input,
  plan: planOf(input),
  undoAttempt: 1,
  undoFailure: null,
  paused: false,
  approved: input.blessing !== null, // By the person who blessed the candidate.
  holds: [],
  attempt: 0,
  extensions: 0,
  asks: 0,
  stage: firstStage(input),
  dataset: input.forkedFrom?.dataset ?? null,
  content: input.forkedFrom?.content ?? null,
  candidate: input.forkedFrom?.candidate ?? null,
  verification: input.forkedFrom?.verification ?? null,
  windows: { canary: null, guard: null },
  failure: null,
  outcome: 'failed',
});

/** A rollback does at once what other runs may have to. A forked run has not done what comes before its stage. */
function planOf({ kind, forkedFrom, target }: PipelineInput): UndoStep[] {
  if (kind === 'rollback' && !target) return [{ undo: 'roll back', status: 'due' }];
  const skipped = STAGE_NAMES.findIndex((stage) => stage === forkedFrom?.stage);
  const stages = target || forkedFrom?.stage === 'deploy' ? [] : STAGE_NAMES.slice(Math.max(0, skipped));
  const stops = stages.map((stage) => `stop ${stage}` as const).reverse();
  return (['roll back', 'withdraw', ...stops] as const).map((undo) => ({ undo, status: 'planned' }));
}

function firstStage({ kind, forkedFrom }: PipelineInput): WorkStage | null {
  if (kind === 'rollback') return null;
  return STAGE_NAMES.find((stage) => stage === (forkedFrom?.stage ?? STAGE_NAMES[0])) ?? null;
}

export type Marks = Readonly<Partial<Record<UndoStep['undo'], UndoStep['status']>>>;

export const marked = (plan: readonly UndoStep[], marks: Marks) =>
  plan.map((step) => ({ ...step, status: marks[step.undo] ?? step.status }));

/** The plan with the step that stops the stage under way marked; as it is where none is. */
export const markedStop = ({ plan, stage }: PipelineContext, status: UndoStep['status']) =>
  stage ? marked(plan, { [`stop ${stage}`]: status }) : plan;

export const isDue = ({ plan }: PipelineContext, undo: UndoStep['undo']) =>
  plan.some((step) => step.undo === undo && step.status === 'due');
