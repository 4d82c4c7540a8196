/** The clock of the benches: the same for every thread and process of the machine, and nobody sets it. */

/** Milliseconds of the monotonic clock. */
export const clockMs = () => Number(process.hrtime.bigint()) / 1e6;
