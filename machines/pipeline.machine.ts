/**
 * The pipeline machine: what happens next in a run, and nothing else. It is pure data to the pure `transition`
 * function of XState; step.ts turns its actions into effects, and actors/orchestrator carries them out. It knows no
 * clock, no NATS and no model. docs/pipeline.md shows it; docs/pipeline.visualizer.js opens in the Stately visualizer.
 */
import { deploying } from './deploying.ts';
import { wholeEvent } from './params.ts';
import { initialContext } from './plan.ts';
import { pipelineSetup } from './setup.ts';
import { compensating, rollingBack, undoFailed, withdrawing } from './undoing.ts';
import { lossesOf, workingOn } from './working.ts';

export type { Blessing, ForkOrigin, PipelineContext, PipelineInput } from './context.ts';
export type { PipelineEvent } from './events.ts';

export const pipelineMachine = pipelineSetup.createMachine({
  id: 'pipeline',
  context: initialContext,
  initial: 'routing',
  /**
   * A worker's word on the current stage counts whenever it comes, also between two attempts: a result is never
   * asked for twice. Of failures only that of the current attempt counts.
   */
  on: {
    'collect.completed': [
      {
        guard: 'isUnchanged',
        target: '.unchanged',
        actions: ['idle', { type: 'keepDataset', params: wholeEvent }],
      },
      {
        guard: 'inCollect',
        target: '.next',
        actions: [
          { type: 'keepDataset', params: wholeEvent },
          { type: 'begin', params: { stage: 'train' } },
        ],
      },
    ],
    'train.completed': {
      guard: 'inTrain',
      target: '.next',
      actions: [
        { type: 'keepCandidate', params: wholeEvent },
        { type: 'begin', params: { stage: 'verify' } },
      ],
    },
    'verify.completed': [
      {
        guard: 'isAdmitted',
        target: '.next',
        actions: [
          { type: 'keepVerification', params: wholeEvent },
          { type: 'begin', params: { stage: null } },
        ],
      },
      {
        guard: 'inVerify',
        target: '.rejected',
        actions: ['idle', { type: 'keepVerification', params: wholeEvent }],
      },
    ],
    ...lossesOf('collect'),
    ...lossesOf('train'),
    ...lossesOf('verify'),
  },
  states: {
    /** Nothing has happened; left at once. */
    routing: {
      always: [
        { guard: 'hasTarget', target: 'deploying' },
        { guard: 'isRollback', target: 'rollingBack' },
        { target: 'next' },
      ],
    },

    /** A stage has ended; the next one is that of the context, the deployment where it names none. Left at once. */
    next: {
      always: [
        { guard: 'isPaused', target: 'paused' },
        { guard: 'inCollect', target: 'collecting' },
        { guard: 'isHeld', target: 'awaitingApproval' },
        { guard: 'inTrain', target: 'training' },
        { guard: 'inVerify', target: 'verifying' },
        { guard: 'needsApproval', target: 'awaitingApproval' },
        { target: 'deploying' },
      ],
    },

    /** Nothing is under way and nothing begins. `resume` leads on to where the run stood. No deadline. */
    paused: {
      on: {
        'operator.resume': { target: 'next', actions: 'proceed' },
        'operator.cancel': [
          { guard: 'nothingSent', target: 'compensating', actions: ['idle', 'rememberCancel'] },
          { target: 'compensating', actions: 'rememberCancel' },
        ],
      },
    },

    /** A collector holds the command to make a dataset snapshot. Undo: tell it to stop; a snapshot is only a file. */
    collecting: workingOn('collect'),

    /** A snapshot exists; a trainer holds the command to make a candidate. Undo: tell it to stop. */
    training: workingOn('train'),

    /** A candidate exists; a verifier holds the command to judge it. Undo: tell it to stop. */
    verifying: workingOn('verify'),

    /** An attempt failed in a way that may pass, or lost its worker. A durable timer leads back to its stage. */
    retrying: {
      after: { backoff: 'next' },
      on: {
        // Held while its stage was under way, which then failed.
        'operator.resume': { guard: 'isPaused', actions: 'proceed' },
        'operator.pause': { guard: 'isNotPaused', target: 'paused', actions: 'pause' },
        'operator.cancel': { target: 'compensating', actions: 'rememberCancel' },
      },
    },

    /**
     * A person has to agree: that the candidate is deployed, or before that, that tonight's data is trained on although
     * it is unlike the champion's. Nobody's silence makes such data right. Undo: nothing.
     */
    awaitingApproval: {
      after: {
        approvalWindow: [
          { guard: 'isHeld', target: 'rejected', actions: ['idle', 'rememberRejection'] },
          { guard: 'isApprovedByDefault', target: 'deploying', actions: 'approve' },
          { target: 'rejected', actions: 'rememberRejection' },
        ],
      },
      on: {
        'operator.approve': [
          { guard: 'isHeld', target: 'next', actions: 'believe' },
          { target: 'deploying', actions: 'approve' },
        ],
        'operator.reject': { target: 'rejected', actions: ['idle', 'rememberRejection'] },
        'operator.pause': { target: 'paused', actions: 'pause' },
        'operator.cancel': { target: 'compensating', actions: ['idle', 'rememberCancel'] },
      },
    },

    deploying,
    rollingBack,
    withdrawing,
    compensating,
    undoFailed,

    /** Everything is undone; the reason for it names the end. Left at once. */
    undone: {
      always: [{ guard: 'wasCancelled', target: 'cancelled' }, { target: 'failed' }],
    },

    /** A compensation failed for good. The record stands as it is; `resume` tries again, `cancel` gives up. */
    needsOperator: {
      on: {
        'operator.resume': { target: 'compensating', actions: 'undoAgain' },
        'operator.cancel': { target: 'undone', actions: 'rememberCancel' },
      },
    },

    /** The candidate is the champion. */
    completed: { type: 'final', entry: { type: 'mark', params: { 'roll back': 'unneeded' } } },
    /** Verification, or a person, said no: the champion stays, and the report or the failure says why. */
    rejected: { type: 'final' },
    /** Data, configuration and champion are those of the last verdict: there is nothing to train or to judge. */
    unchanged: { type: 'final' },
    /** A stage failed for good; the champion stays. */
    failed: { type: 'final' },
    /** An earlier pair serves again. */
    rolledBack: { type: 'final' },
    cancelled: { type: 'final' },
  },
});
