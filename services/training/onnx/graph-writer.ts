/**
 * The means by which a graph is written: the names of its tensors, and the few methods on which formulas in other files
 * rest.
 */
import type { Attribute, CONTRIB_DOMAINS } from './encoding.ts';

/** The name of a tensor in the graph. */
export type Value = string;

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** Empty is the standard domain. */
  readonly domain?: (typeof CONTRIB_DOMAINS)[number];
}

/** Of GraphBuilder, where each is explained. */
export interface GraphWriter {
  node(opType: string, inputs: readonly Value[], options?: NodeOptions): Value;
  integers(values: readonly number[]): Value;
  sub(a: Value, b: Value): Value;
  sum(x: Value, axes: readonly number[]): Value;
}
