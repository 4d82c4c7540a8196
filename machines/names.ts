/**
 * Checkpoints of 0.3.0 as the machine of 0.4.0 reads them: they held the whole configuration, programs, paths and addresses
 * included. The names of these are taken, and nothing else of them. Used by the upcast of versions.ts.
 */
import { carriedOf } from '../contracts/configuration/separate.ts';
import type { Checkpoint, Effect } from './checkpoint.ts';
import type { PipelineContext } from './context.ts';
import type { CommandParams } from './params.ts';
import { STAGES } from './stages.ts';

export function inNamesOf04(checkpoint: Checkpoint): Checkpoint {
  const { context, outbox } = checkpoint;
  const named = { ...context, pipeline: carriedOf(context.model, context.pipeline) };
  return { ...checkpoint, context: named, outbox: outbox.map((effect) => withNames(effect, named)) };
}

/** A command that was decided and perhaps not yet sent is made anew, from the memory that it was made from. */
const withNames = (effect: Effect, context: PipelineContext): Effect =>
  effect.kind === 'command' && effect.verb === 'start' ? { ...effect, data: dataOf(effect, context) } : effect;

const dataOf = ({ stage }: CommandParams, context: PipelineContext): CommandParams['data'] =>
  STAGES[stage].command(context);
