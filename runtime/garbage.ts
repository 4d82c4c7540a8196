/**
 * How V8 collects garbage in the processes that a request passes through: replica, model host and gateway. As V8 comes, one
 * collection of young objects takes 5 to 9 ms there, and one of all objects, every five seconds, keeps a processor busy for
 * 70 ms: that was most of the p99. Those of 2 MiB take 1 ms, and a heap may become four times what is in use before all
 * of it is looked at, as V8 lets it at most. docs/serving.md has the figures.
 */
import { setFlagsFromString } from 'node:v8';

/** An option of Node, also in NODE_OPTIONS, because a heap is laid out before any code runs. */
export const SMALL_YOUNG_SPACE = '--max-semi-space-size=2';
const SELDOM_ALL = '--heap-growing-percent=300';

/** For a process that is about to be started. */
export const SHORT_PAUSES: readonly string[] = [SMALL_YOUNG_SPACE, SELDOM_ALL];

/** For this one, with that part which can be said while it runs. */
export const shortenPauses = (): void => setFlagsFromString(SELDOM_ALL);
