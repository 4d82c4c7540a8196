/** How long the page waits before it calls the gateway again: longer each time, and never all pages at once. Pure. */

const FIRST_MS = 500;
/** A gateway that is back is seen within this time. */
const LONGEST_MS = 15_000;

/** `failures`: in a row, from 1. `chance`: 0 to 1, of which half the wait is made. */
export function waitMs(failures: number, chance: number): number {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 1));
  return Math.round(whole / 2 + (whole / 2) * chance);
}
