/** What the decision bench found: one object with --json, a table for people. Made by decision.ts, shown by print.ts. */
import type { DecisionFigures, SetBy } from './measure.ts';

/** Means over the divisions of one contender, rule, target and night. */
export interface DecisionRow {
  readonly contender: string;
  readonly setBy: SetBy;
  readonly target: number;
  readonly people: number;
  readonly mean: DecisionFigures;
  readonly perDivision: readonly DecisionFigures[];
}

export interface DecisionBenchResult {
  readonly 'fpir.target': number;
  readonly 'fpir.true': number;
  readonly 'fpir.upper95': number;
  readonly fnir: number;
  readonly wrongName: number;
  readonly rank1: number;
  readonly 'newcomers.right': number;
  readonly 'newcomers.wrong': number;
  readonly counts: {
    readonly people: number;
    readonly images: number;
    readonly strangers: number;
    readonly strangerImages: number;
  };
  readonly seeds: readonly number[];
  readonly far: number;
  readonly rows: readonly DecisionRow[];
}
