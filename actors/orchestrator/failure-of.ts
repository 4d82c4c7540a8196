/** Why a run does not get on, or did not. Pure. */
import type { PipelineContext } from '../../machines/pipeline.machine.ts';

/** The reason that keeps a run from ending comes first, because its operator has to act on it. */
export const failureOf = ({ undoFailure, failure }: PipelineContext) => undoFailure ?? failure;
