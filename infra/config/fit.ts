/**
 * Whether the file of a machine fits to the configuration that was applied: every name that a worker will look up is defined,
 * and means what it meant to the person who applied it. A worker of a colleague's file must not take the work of a system
 * that it does not belong to. Pure; called by actors/admission.ts.
 */
import type { CarriedPipeline } from '../../contracts/configuration/carried.ts';
import type { SeenConfig } from '../../contracts/configuration/record.ts';
import { toFailure } from '../../contracts/errors.ts';
import type { WorkStage } from '../../contracts/subjects.ts';
import type { LocalDefinitions } from './local-definitions.ts';

type Look = (local: LocalDefinitions, model: string, pipeline: CarriedPipeline) => unknown;

/** The names that the worker of each stage looks up. */
const LOOKS: Readonly<Record<WorkStage, readonly Look[]>> = {
  collect: [
    (local, model, { sources }) => local.sources(model, 'sources', sources),
    (local, model, { strangers }) => local.sources(model, 'strangers', strangers),
    (local, _, { faces }) => local.faces(faces),
  ],
  train: [(local, model, { training }) => local.training(model, training)],
  verify: [],
};

/** One sentence for each thing that is lacking or another; empty if the file fits. */
export function misfits(stage: WorkStage, local: LocalDefinitions, applied: readonly SeenConfig[]): string[] {
  return applied.flatMap(({ model, revision, pipeline, definitions }) => {
    if (pipeline === null) return [];
    const own = Object.entries(local.writtenOut(model));
    const others = own.filter(([place, digest]) => (definitions[place] ?? digest) !== digest);
    const differing = others.map(
      ([place]) => `models.${model}.${place} is another in this file than in the applied revision ${revision}`,
    );
    return [...differing, ...LOOKS[stage].flatMap((look) => refusalOf(() => look(local, model, pipeline)))];
  });
}

function refusalOf(look: () => unknown): string[] {
  try {
    look();
    return [];
  } catch (error) {
    return [toFailure(error).message];
  }
}
