/**
 * What follows if a source cannot be read: one that changed meanwhile is read once more; the night goes on without one that
 * may be missing, as long as enough others were read. Called by snapshot.ts.
 */
import type { ChecksConfig } from '../../contracts/configuration/checks.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { WorkLog } from '../work.ts';
import { takeIn, type Intake, type IntakeOptions } from './intake.ts';
import { SourceChanged, type DataSource } from './strategy.ts';

/** `failure`: why nothing of the source is in it; null if it was read. */
export type IntakeByPolicy = Intake & { readonly failure: PipelineError | null };

/** Throws what `takeIn` throws, unless it is the failure of a source that may be missing. */
export async function takeInByPolicy(
  source: DataSource,
  options: IntakeOptions,
  log: WorkLog,
): Promise<IntakeByPolicy> {
  try {
    return { ...(await takeInUnchanged(source, options, log)), failure: null };
  } catch (error) {
    const isMissed = source.policy === 'best-effort' && isOfSource(error) && !options.signal.aborted;
    if (!isMissed) throw error;
    log.warn({ source: source.name, code: error.code }, `collector: the night goes on without it: ${error.message}`);
    const { name, type } = source;
    const { spoolPath } = options;
    return { name, type, spoolPath, records: [], passedOver: {}, announced: null, failure: error };
  }
}

async function takeInUnchanged(source: DataSource, options: IntakeOptions, log: WorkLog): Promise<Intake> {
  try {
    return await takeIn(source, options);
  } catch (error) {
    if (!(error instanceof SourceChanged)) throw error;
    log.warn({ source: source.name }, `collector: ${error.message}; it is read once more`);
    return takeIn(source, { ...options, spoolPath: `${options.spoolPath}.again` });
  }
}

const isOfSource = (error: unknown): error is PipelineError =>
  error instanceof PipelineError && (error.code === 'SOURCE_UNREACHABLE' || error.code === 'SOURCE_INVALID');

/** Throws SOURCE_UNREACHABLE if fewer of these were read than must be; one at least. */
export function refuseTooFew(people: readonly IntakeByPolicy[], checks: ChecksConfig | undefined): void {
  const failures = people.flatMap(({ failure }) => failure ?? []);
  const read = people.length - failures.length;
  const quorum = checks?.sourceFailed?.quorum ?? 1;
  if (failures.length === 0 || read >= quorum) return;
  const told = failures.map(({ message }) => message).join('; ');
  throw new PipelineError(
    'SOURCE_UNREACHABLE',
    `collector: ${read} of ${people.length} sources could be read, and ${quorum} must be: ${told}`,
    { retryable: failures.some(({ retryable }) => retryable) },
  );
}
