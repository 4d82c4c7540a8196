/**
 * The memory of a run: what it is started with, and what the machine notes on the way. It is saved with every
 * checkpoint, so a change here needs an upcast in versions.ts where older runs lack something.
 */
import type { Failure } from '../contracts/errors.ts';
import type { Completed } from '../contracts/messages.ts';
import type { Stage } from '../contracts/subjects.ts';
import type { CarriedPipeline } from '../contracts/configuration/carried.ts';
import type { WorkStage } from '../contracts/subjects.ts';
import type { BlobRef } from '../contracts/references.ts';
import type { Announced, ModelPair } from '../contracts/release.ts';
import type { WindowFigures } from '../contracts/replica.ts';
import type { PastFigures } from '../contracts/verification.ts';

export interface PipelineInput {
  readonly runId: string;
  readonly model: string;
  /** `night` goes through every stage; `rollback` only puts the previous release back. */
  readonly kind: 'night' | 'rollback';
  /**
   * The settings of the model when the run started: later edits of the file do not reach into a run. What is local is in
   * it by its name alone, and is looked up where it is used.
   */
  readonly pipeline: CarriedPipeline;
  /** The pair in service when the run started. */
  readonly champion: ModelPair | null;
  /** Of a rollback to a pair that is no longer resident: it is prepared and committed, as a candidate is. */
  readonly target?: Announced | undefined;
  /** Of a rollback: what the operator said. */
  readonly reason?: string | undefined;
  /** The run whose results this one goes on from, and the stage at which it begins; null for a run from scratch. */
  readonly forkedFrom: ForkOrigin | null;
  /** Figures of the releases before, newest first: what the candidate may not fall far below. */
  readonly history: readonly PastFigures[];
  /** The content that a snapshot has if nothing has changed since the last verdict; null if something has anyway. */
  readonly unchangedContent: string | null;
  /** The model's latest run before this one that was judged: completed, or rejected. */
  readonly lastVerdict: string | null;
  /** The operator who answers for a candidate that its verification did not bless. */
  readonly blessing: Blessing | null;
}

export interface Blessing {
  readonly by: string;
  readonly reason: string;
}

export interface ForkOrigin {
  readonly runId: string;
  readonly stage: Stage;
  readonly dataset: BlobRef | null;
  /** Of the dataset, as in the context below. */
  readonly content: string | null;
  readonly candidate: BlobRef | null;
  readonly verification: Completed<'verify'> | null;
}

/** One thing that a run may have to take back. */
export interface UndoStep {
  readonly undo: 'roll back' | 'withdraw' | `stop ${WorkStage}`;
  /**
   * planned: its stage has not begun. due: to be taken back if the run is given up. done: taken back. unneeded: its
   * stage has ended by itself. unanswered: the worker was told to stop and never said that it has.
   */
  readonly status: 'planned' | 'due' | 'done' | 'unneeded' | 'unanswered';
}

export interface PipelineContext extends PipelineInput {
  /** Written when the run starts, last stage first: the order in which compensation goes through it. */
  readonly plan: readonly UndoStep[];
  /** Attempt of the compensation step under way, from 1. */
  readonly undoAttempt: number;
  /** Why the compensation does not get on; null while it does. */
  readonly undoFailure: Failure | null;
  /** An operator holds the run: what is under way may end, nothing new begins. */
  readonly paused: boolean;
  readonly approved: boolean;
  /** Why somebody has to look at the data before it is trained on; empty if nobody has to. */
  readonly holds: readonly string[];
  /** Attempt of the current stage, from 1; 0 until its command is sent. */
  readonly attempt: number;
  /** How often the current attempt was found still working after its deadline. */
  readonly extensions: number;
  /** How often the worker of the current attempt was asked after a silence, and answered. */
  readonly asks: number;
  /** Whose work is under way; null in a deployment and at rest. */
  readonly stage: WorkStage | null;
  readonly dataset: BlobRef | null;
  /** Equal for two datasets that train and judge alike; null if a collector before 0.3.0 made it. */
  readonly content: string | null;
  readonly candidate: BlobRef | null;
  readonly verification: Completed<'verify'> | null;
  /** The figures of the candidate, and of the release after it; null before, or where nothing was watched. */
  readonly windows: { readonly canary: WindowFigures | null; readonly guard: WindowFigures | null };
  /** Why the run is not going to complete. */
  readonly failure: Failure | null;
  /** The end to which compensation leads. */
  readonly outcome: 'failed' | 'cancelled';
}
