/**
 * A configuration whose night takes seconds: tiny pictures of people and strangers in a folder, gates that let anything
 * through. For tests of what a whole system does, not of its verdict.
 */
import { join } from 'node:path';
import { writeTinyPeople } from './folder.ts';
import { LENIENT_GATES, lenientIn } from './lenient.ts';
import { TINY_IMAGE } from './tiny-model.ts';

const PEOPLE = 6;
const SHOTS = 5;

/** Writes the people into `people` and the strangers into `street`; answers a pipeline as a file has it. */
export async function tinyNightIn(folder: string) {
  await writeTinyPeople(join(folder, 'people'), PEOPLE, SHOTS);
  return {
    ...(await lenientIn(folder)),
    sources: [{ type: 'directory', name: 'people', path: join(folder, 'people') }],
    image: TINY_IMAGE,
    split: { strategy: 'first-n', train: 3 },
    training: { epochs: 1, net: [{ type: 'flatten' }, { type: 'dense', units: 8 }], augment: { flip: false } },
    verification: { gates: LENIENT_GATES, performanceRequests: 10, featuresDir: null },
    deployment: { guardMs: 0, guardLatencyP99MsMax: 10_000 },
    retry: { attemptsMax: 2, backoffMs: 50 },
  };
}
