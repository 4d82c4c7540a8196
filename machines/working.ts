/**
 * The state of a stage in which a worker is at work, described once: collecting, training and verifying are this, and
 * differ in what stages.ts says of each.
 */
import type { WorkStage } from '../contracts/subjects.ts';
import { reportCommand, startCommand, wholeEvent } from './params.ts';
import { pipelineSetup } from './setup.ts';
import { STAGES } from './stages.ts';

// TypeScript does not follow a computed key: below, the name of one stage's event or delay stands for that of each.

/** A worker holds the command of the stage, or will. Undo: tell it to stop. */
export const workingOn = (stage: WorkStage) =>
  pipelineSetup.createStateConfig({
    entry: ['attempt', { type: 'command', params: startCommand }],
    initial: 'working',
    states: {
      working: {
        initial: 'beating',
        after: { [STAGES[stage].deadline as 'collectDeadline']: 'asking' },
        states: {
          beating: { tags: 'beating', on: { 'worker.silent': { guard: 'isCurrent', target: 'missing' } } },
          /** No sign of life for a while: asked, and given up for another attempt if nobody answers. */
          missing: {
            entry: { type: 'command', params: reportCommand },
            on: {
              [`${stage}.working` as 'collect.working']: { guard: 'isCurrent', target: 'beating', actions: 'heard' },
            },
            after: {
              answerDeadline: [
                { guard: 'hasAttemptsLeft', target: '#pipeline.retrying' },
                { target: '#pipeline.compensating', actions: 'rememberLoss' },
              ],
            },
          },
        },
      },
      /** The deadline has passed: whoever works at it gets more time, a few times. */
      asking: {
        entry: { type: 'command', params: reportCommand },
        on: {
          [`${stage}.working` as 'collect.working']: { guard: 'mayExtend', target: 'working', actions: 'extend' },
        },
        after: { answerDeadline: { target: '#pipeline.compensating', actions: 'rememberTimeout' } },
      },
      /** Paused: the worker may end its stage, however long that takes. */
      held: { on: { 'operator.resume': { target: 'working', actions: 'proceed' } } },
    },
    on: {
      'operator.pause': { guard: 'isNotPaused', target: '.held', actions: 'pause' },
      'operator.cancel': { target: 'compensating', actions: 'rememberCancel' },
    },
  });

/** Transitions of the whole machine: the worker failed, or nobody holds the command. Another attempt, or the end. */
export const lossesOf = (stage: WorkStage) =>
  pipelineSetup.createStateConfig({
    on: {
      [`${stage}.failed` as 'collect.failed']: [
        { guard: 'mayRetry', target: '.retrying' },
        {
          guard: 'isCurrent',
          target: '.compensating',
          actions: ['idle', { type: 'remember', params: wholeEvent }],
        },
      ],
      [`${stage}.absent` as 'collect.absent']: [
        { guard: 'mayRetry', target: '.retrying' },
        { guard: 'isCurrent', target: '.compensating', actions: ['rememberLoss', 'idle'] },
      ],
    },
  }).on;

/** Transitions of a run that is given up: its worker is heard only to know that it has stopped. */
export const stopsOf = (stage: WorkStage) =>
  pipelineSetup.createStateConfig({
    on: {
      [`${stage}.*` as 'collect.*']: [
        { guard: 'isStopped', target: 'undone', actions: { type: 'markStop', params: { status: 'done' } } },
        {}, // A result that comes now does not revive the run.
      ],
    },
  }).on;
