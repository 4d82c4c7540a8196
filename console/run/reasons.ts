/** Why a run waits for somebody, in sentences, from its memory and its time line. Pure. */
import type { Answer, RunMemory } from '../../contracts/api.ts';
import type { API } from '../../contracts/subjects.ts';
import { verificationIn } from './figures.ts';
import { topOf } from './stages.ts';

type Waiting = Pick<Answer<typeof API.run>, 'state' | 'failure' | 'context' | 'timeline'>;

/** What is odd about the data of the night; empty in the memory of a run of before 0.5.0. */
export function holdsIn(memory: RunMemory): readonly string[] {
  const { holds } = memory as { holds?: unknown };
  return Array.isArray(holds) ? holds.filter((it) => typeof it === 'string') : [];
}

/** One sentence at least. */
export function reasonsOf({ state, failure, context, timeline }: Waiting): readonly string[] {
  const why = failure === null ? [] : [failure];
  switch (topOf(state)) {
    case 'awaitingApproval': {
      const holds = holdsIn(context);
      if (holds.length > 0) return [...why, ...holds];
      const verdict = verificationIn(context)?.reasons ?? [];
      return [...why, 'Each candidate of this model needs approval (deployment.approval.required).', ...verdict];
    }
    case 'paused': {
      const pause = timeline.findLast(({ cause }) => cause.includes('pause'));
      return [...why, `Paused by ${pause?.by ?? pause?.actor ?? 'somebody'}.`];
    }
    default:
      return why.length > 0 ? why : ['Its changes could not all be taken back; its time line says which.'];
  }
}
