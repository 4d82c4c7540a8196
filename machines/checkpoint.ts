/**
 * The saved state of a run after each transition: where it stands, its memory, and the effects that are still to be
 * carried out. Written by step.ts; versions.ts reads those of older programs.
 */
import type { StateValue } from 'xstate';
import type { ModelDeployed } from '../contracts/messages.ts';
import type { PipelineFact } from '../contracts/subjects.ts';
import type { PipelineContext } from './context.ts';
import type { CommandParams, DeploymentParams } from './params.ts';

/** Something that a transition wants done. Each may be carried out twice: ids are deterministic, changes idempotent. */
export type Effect =
  | ({ readonly kind: 'command' } & CommandParams)
  | { readonly kind: 'fact'; readonly id: string; readonly fact: PipelineFact; readonly state: string }
  | { readonly kind: 'deployed'; readonly id: string; readonly rolledBack: boolean; readonly deployed: ModelDeployed }
  | ({ readonly kind: 'deployment'; readonly id: string } & DeploymentParams)
  | { readonly kind: 'timer.set'; readonly timerId: string; readonly dueAt: string; readonly armedAt: number }
  | { readonly kind: 'timer.cancel'; readonly timerId: string };

/** The saved state of a run after a transition. */
export interface Checkpoint {
  readonly format: 'nightshift.run/1';
  /** The version of the machine that saved it: see versions.ts. */
  readonly machine: string;
  readonly value: StateValue;
  readonly context: PipelineContext;
  readonly status: 'active' | 'done';
  /** Number of this transition, from 1. */
  readonly transition: number;
  /** The event that caused it. */
  readonly cause: string;
  /** Whose command caused it; absent for any other cause. */
  readonly by?: string;
  /** Who sent the last command that moved the run: who answers for what it does. Absent before 0.4.0. */
  readonly answers?: string;
  /** Ids of the messages that were stepped on, the latest last. */
  readonly seen: readonly string[];
  /** Empty once everything in it was carried out. */
  readonly outbox: readonly Effect[];
  /** Armed timers: the machine's event for each, and the transition that armed it. A timer of another is stale. */
  readonly timers: Readonly<Record<string, { readonly event: string; readonly armedAt: number }>>;
  readonly startedAt: string;
  readonly updatedAt: string;
}
