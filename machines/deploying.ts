/**
 * The deployment of a candidate, or of a pair that an operator wants back: replicas converge on the deployment record,
 * and their reports decide.
 */
import { announcement, deployedOfEvent, wholeEvent } from './params.ts';
import { pipelineSetup } from './setup.ts';

/** Before the commit the champion serves, and nothing but the candidate has to go. */
const { on: whileItMayBeWithdrawn } = pipelineSetup.createStateConfig({
  on: {
    'deploy.refused': {
      target: '#pipeline.withdrawing',
      actions: { type: 'remember', params: wholeEvent },
    },
    'deploy.failed': {
      target: '#pipeline.withdrawing',
      actions: { type: 'remember', params: wholeEvent },
    },
    'operator.cancel': { target: '#pipeline.withdrawing', actions: 'rememberCancel' },
  },
});

/** From the commit on an operator's no brings the previous pair back. */
const { on: onceItServes } = pipelineSetup.createStateConfig({
  on: {
    'operator.rollback': { target: '#pipeline.rollingBack', actions: 'rememberCancel' },
    'operator.cancel': { target: '#pipeline.rollingBack', actions: 'rememberCancel' },
  },
});

/** The candidate passed, or an operator wants a retained pair back. Replicas converge on the deployment record. */
export const deploying = pipelineSetup.createStateConfig({
  initial: 'preparing',
  states: {
    /** Announced: replicas load and check the candidate; the champion serves. Undo: withdraw it. */
    preparing: {
      tags: 'observed',
      entry: [
        { type: 'mark', params: { withdraw: 'due' } },
        { type: 'deployment', params: announcement },
      ],
      after: { deployDeadline: { target: '#pipeline.withdrawing', actions: 'rememberTimeout' } },
      on: {
        'deploy.prepared': [{ guard: 'hasCanary', target: 'canary' }, { target: 'committing' }],
        ...whileItMayBeWithdrawn,
      },
    },
    /** The candidate answers a share of the requests, and the champion the rest. Undo: withdraw it. */
    canary: {
      entry: { type: 'deployment', params: { change: 'startCanary', pair: null } },
      initial: 'watching',
      states: {
        watching: { tags: 'observed', after: { canaryWindow: 'judging' } },
        judging: {
          tags: 'observed',
          after: { deployDeadline: { target: '#pipeline.withdrawing', actions: 'rememberTimeout' } },
        },
      },
      on: {
        'deploy.prepared': {
          target: 'committing',
          actions: { type: 'noteCanary', params: wholeEvent },
        },
        ...whileItMayBeWithdrawn,
      },
    },
    /** The record names the new release; replicas switch. Undo: the same compare-and-put with the previous pair. */
    committing: {
      tags: 'observed',
      entry: [
        { type: 'mark', params: { withdraw: 'unneeded', 'roll back': 'due' } },
        { type: 'deployment', params: { change: 'commit', pair: null } },
      ],
      after: { deployDeadline: { target: '#pipeline.rollingBack', actions: 'rememberTimeout' } },
      on: {
        'deploy.switched': [
          // An operator chose this pair knowing it; a guard would only bring back what was to go.
          {
            guard: 'isRollback',
            target: '#pipeline.rolledBack',
            actions: [
              { type: 'mark', params: { 'roll back': 'unneeded' } },
              { type: 'publishRolledBack', params: deployedOfEvent },
            ],
          },
          { target: 'guarding', actions: { type: 'publishDeployed', params: deployedOfEvent } },
        ],
        // The commit itself did not happen: the champion still serves, so there is nothing to roll back.
        'deploy.failed': {
          target: '#pipeline.withdrawing',
          actions: { type: 'remember', params: wholeEvent },
        },
        ...onceItServes,
      },
    },
    /** The new release serves everywhere and is watched; the previous one is resident. */
    guarding: {
      initial: 'watching',
      states: {
        watching: { tags: 'observed', after: { guardWindow: 'judging' } },
        judging: {
          tags: 'observed',
          on: {
            'deploy.kept': {
              target: '#pipeline.completed',
              actions: { type: 'noteGuard', params: wholeEvent },
            },
          },
        },
      },
      on: {
        'deploy.breached': {
          target: '#pipeline.rollingBack',
          actions: { type: 'remember', params: wholeEvent },
        },
        ...onceItServes,
      },
    },
  },
});
