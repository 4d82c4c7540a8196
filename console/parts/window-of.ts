/** Which rows of a long list are to be in the page: those that are seen, and some above and below. Pure. */

export interface Window {
  readonly from: number;
  /** Behind the last. */
  readonly to: number;
}

/** Rows beyond the edge: a short turn of a wheel shows no gap. */
const BEYOND = 6;

export function windowOf(scrolled: number, height: number, rowHeight: number, rows: number): Window {
  const first = Math.floor(Math.max(0, scrolled) / rowHeight);
  const seen = Math.ceil(height / rowHeight) + 1;
  const from = Math.max(0, Math.min(first - BEYOND, rows - seen));
  return { from, to: Math.min(rows, first + seen + BEYOND) };
}
