/** A machine whose clock is set back and forth by a minute, again and again: this process's idea of the date. */

const STEP_MS = 60_000;
const STEPS = [-1, 0, 1, 0];
/** Often enough that every wait under test sees several steps. */
const STEP_EVERY_MS = 50;

export async function withSteppedClock<T>(use: () => Promise<T>): Promise<T> {
  const TrueDate = Date;
  let offsetMs = 0;
  class SteppedDate extends TrueDate {
    constructor(...args: [] | [number | string | Date]) {
      super(args.length === 0 ? SteppedDate.now() : args[0]);
    }
    static override now = () => TrueDate.now() + offsetMs;
  }
  let count = 0;
  const timer = setInterval(() => (offsetMs = STEPS[count++ % STEPS.length]! * STEP_MS), STEP_EVERY_MS);
  // The static side is inherited; only the calls that name year, month and day are left out, which nobody here makes.
  globalThis.Date = SteppedDate as DateConstructor;
  try {
    return await use();
  } finally {
    clearInterval(timer);
    globalThis.Date = TrueDate;
  }
}
