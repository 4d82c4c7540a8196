/**
 * A verification strategy measures one side of a candidate. Accuracy and performance run in parallel and their
 * figures meet the configured gates in gates.ts. Variants: accuracy.ts, performance.ts.
 */
import type { Accuracy, Performance } from '../../contracts/verification.ts';
import type { LabelledImages } from '../data/strategy.ts';
import type { ModelHost } from '../serving/strategy.ts';
import type { WorkContext } from '../work.ts';

export interface Measurable {
  readonly host: ModelHost;
  readonly gallery: LabelledImages;
  readonly probes: LabelledImages;
}

export interface VerificationStrategy<Figures extends Accuracy | Performance> {
  readonly name: string;
  measure(subject: Measurable, context: WorkContext): Promise<Figures>;
}
