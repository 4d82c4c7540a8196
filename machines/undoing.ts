/**
 * The way back of a run that will not complete: what is due in its plan is taken back, the latest first, each step
 * repeated after a durable wait and left to an operator in the end. The champion serves all along, or serves again.
 */
import { cancelCommand, deployedOfEvent, wholeEvent } from './params.ts';
import { pipelineSetup } from './setup.ts';
import { stopsOf } from './working.ts';

/** The record names the previous pair again; replicas switch to it. Repeated with back-off until they have. */
export const rollingBack = pipelineSetup.createStateConfig({
  tags: 'observed',
  entry: [
    { type: 'mark', params: { withdraw: 'unneeded', 'roll back': 'due' } },
    { type: 'deployment', params: { change: 'rollBack', pair: null } },
  ],
  after: { deployDeadline: { target: 'undoFailed', actions: 'undoTimedOut' } },
  on: {
    'deploy.switched': {
      target: 'rolledBack',
      actions: [
        { type: 'mark', params: { 'roll back': 'done' } },
        { type: 'publishRolledBack', params: deployedOfEvent },
      ],
    },
    'deploy.failed': {
      target: 'undoFailed',
      actions: { type: 'undoFailed', params: wholeEvent },
    },
  },
});

/** The candidate is taken out of the record; the champion has served all along. */
export const withdrawing = pipelineSetup.createStateConfig({
  entry: [
    { type: 'mark', params: { withdraw: 'due', 'roll back': 'unneeded' } },
    { type: 'deployment', params: { change: 'withdraw', pair: null } },
  ],
  after: { deployDeadline: { target: 'undoFailed', actions: 'undoTimedOut' } },
  on: {
    'deploy.withdrawn': {
      target: 'compensating',
      actions: { type: 'mark', params: { withdraw: 'done' } },
    },
    'deploy.failed': {
      target: 'undoFailed',
      actions: { type: 'undoFailed', params: wholeEvent },
    },
  },
});

/** The run will not complete: what is due in its plan is taken back, the latest first. The champion serves. */
export const compensating = pipelineSetup.createStateConfig({
  initial: 'deciding',
  states: {
    deciding: {
      always: [
        { guard: 'mustRollBack', target: '#pipeline.rollingBack' },
        { guard: 'mustWithdraw', target: '#pipeline.withdrawing' },
        { guard: 'nothingUnderWay', target: '#pipeline.undone' },
        { target: 'stopping' },
      ],
    },
    /** The worker is told to stop. The command waits for it where it is away, so it is stopped in the end. */
    stopping: {
      entry: { type: 'command', params: cancelCommand },
      always: {
        guard: 'isForced',
        target: '#pipeline.undone',
        actions: { type: 'markStop', params: { status: 'unanswered' } },
      },
      after: {
        answerDeadline: [
          { guard: 'mayUndoAgain', target: 'silent' },
          { target: '#pipeline.undone', actions: { type: 'markStop', params: { status: 'unanswered' } } },
        ],
      },
    },
    silent: { after: { undoBackoff: { target: 'stopping', actions: 'nextUndo' } } },
  },
  on: {
    ...stopsOf('collect'),
    ...stopsOf('train'),
    ...stopsOf('verify'),
    // Anything that the worker still says finds the run ended.
    'operator.cancel': {
      guard: 'isForced',
      target: 'undone',
      actions: ['rememberCancel', { type: 'markStop', params: { status: 'unanswered' } }],
    },
  },
});

/** A step of the compensation failed: tried again after a durable wait, then left to an operator. */
export const undoFailed = pipelineSetup.createStateConfig({
  initial: 'deciding',
  states: {
    deciding: { always: [{ guard: 'mayUndoAgain', target: 'waiting' }, { target: '#pipeline.needsOperator' }] },
    waiting: { after: { undoBackoff: { target: '#pipeline.compensating', actions: 'nextUndo' } } },
  },
});
