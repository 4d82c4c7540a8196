/** Times, lengths and shares in words for people, in the page's own language and zone. Pure. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Such as `420 ms`, `3.2 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (ms < SECOND) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < MINUTE) return `${(ms / SECOND).toFixed(ms < 10 * SECOND ? 1 : 0)} s`;
  if (ms < HOUR) return two(ms, MINUTE, 'min', SECOND, 's');
  return ms < DAY ? two(ms, HOUR, 'h', MINUTE, 'min') : two(ms, DAY, 'd', HOUR, 'h');
}

function two(ms: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((ms % large) / small);
  const whole = `${Math.floor(ms / large)} ${largeUnit}`;
  return rest === 0 ? whole : `${whole} ${rest} ${smallUnit}`;
}

/** Such as `3 min ago`, `in 2 h 5 min`; with no more than is needed to place it. */
export function ago(iso: string, nowMs: number): string {
  const ms = nowMs - Date.parse(iso);
  const rounded = Math.abs(ms) < MINUTE ? Math.round(Math.abs(ms) / SECOND) * SECOND : Math.abs(ms);
  if (rounded < SECOND) return 'now';
  return ms > 0 ? `${duration(rounded)} ago` : `in ${duration(rounded)}`;
}

/** With its zone, as all times that people compare. */
export function moment(iso: string, timeZone?: string): string {
  return new Intl.DateTimeFormat('en-GB', {
    ...{ day: '2-digit', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' },
    timeZoneName: 'short',
    ...(timeZone === undefined ? {} : { timeZone }),
  }).format(new Date(iso));
}

/** A share with as many digits as tell it apart from none and all. */
export function percent(share: number): string {
  const value = 100 * share;
  const digits = value === 0 || value === 100 ? 0 : value < 1 || value > 99 ? 2 : 1;
  return `${value.toFixed(digits)} %`;
}

export const percentOrDash = (share: number | null | undefined): string => (share == null ? '–' : percent(share));

export const milliseconds = (ms: number): string => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

/** A swap takes microseconds. */
export const swapTime = (us: number): string => (us < 1_000 ? `${Math.round(us)} µs` : `${(us / 1_000).toFixed(2)} ms`);

export const count = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString('en-GB')} ${n === 1 ? one : many}`;

/** Enough of a digest to know it again. */
export const shortDigest = (digest: string): string => digest.replace('sha256:', '').slice(0, 12);
