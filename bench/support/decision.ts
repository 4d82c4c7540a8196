/**
 * A decision as a verified release carries it, for the invented galleries of the benches: its thresholds let in whom they
 * let in, and only the work of applying them counts.
 */
import type { Decision } from '../../contracts/decision.ts';

export const DECISION: Decision = {
  identify: { fpir: 0.01, margin: 0.05, people: [100, 1_000, 500_000], thresholds: [0.45, 0.48, 0.5] },
  verify: { far: 0.001, threshold: 0.5 },
  warning: null,
};
