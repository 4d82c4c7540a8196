/**
 * Tonight's data judged before anything is stored: each finding of the checks, in the log too, and the samples as they are
 * without those that a check sets aside. Called by snapshot.ts.
 */
import type { CheckName, ChecksConfig } from '../../contracts/configuration/checks.ts';
import { PEOPLE, type Noun } from '../../contracts/configuration/noun.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { DataFinding, DatasetManifest } from '../../contracts/dataset.ts';
import type { WorkContext } from '../work.ts';
import { findingsOf, type Tonight } from './compare.ts';
import type { IntakeByPolicy } from './source-policy.ts';
import { imagesOf } from './manifest.ts';
import type { Likeness } from './likeness.ts';
import type { Intakes, ResolvedSamples } from './resolve.ts';
import { asideOf, goneOf, saidOf, withoutAside } from './set-aside.ts';

export interface JudgeJob extends Pick<WorkContext, 'log'> {
  readonly checks?: ChecksConfig | undefined;
  readonly noun?: Noun | undefined;
}

export interface Given {
  readonly intakes: readonly IntakeByPolicy[];
  readonly resolved: ResolvedSamples;
  readonly likeness: Likeness | null;
  /** The snapshot of the model in service; null if there is none, or it is gone. */
  readonly before: DatasetManifest | null;
}

export interface Judged {
  readonly findings: DataFinding[];
  /** The intakes of people without what is set aside; null if nothing is. */
  readonly people: Intakes['people'] | null;
}

/** `peopleSources`: how many of the intakes are of people, the first ones. */
export function judgeTonight(job: JudgeJob, given: Given, peopleSources: number): Judged {
  const { checks, noun = PEOPLE, log } = job;
  if (!checks) return { findings: [], people: null };
  const { before, intakes, resolved, likeness } = given;
  const tonight: Tonight = { ...resolved, images: imagesOf(resolved), intakes, likeness };
  const aside = asideOf(before, tonight, checks);
  const counts = new Map<CheckName, number>();
  const people =
    aside &&
    intakes
      .slice(0, peopleSources)
      .map((intake) => ({ ...intake, records: withoutAside(intake.name, intake.records, aside, counts) }));
  const gone = people && before ? goneOf(before.labels, intakes.slice(0, peopleSources), people) : [];
  const findings = findingsOf(before, tonight, checks, noun).map((finding) => saidOf(finding, counts, gone));
  for (const { message, ...about } of findings) log.warn(about, `collector: ${message}`);
  for (const { name, passedOver = {} } of tonight.sources) {
    const kinds = Object.entries(passedOver).map(([kind, count]) => `${count} x ${kind}`);
    if (kinds.length > 0) log.info({ source: name, passedOver }, `collector: passed over: ${kinds.join(', ')}`);
  }
  return { findings, people };
}

/** Throws SOURCE_INVALID. */
export function refuseStopped(findings: readonly DataFinding[]): void {
  const stop = findings.find(({ action }) => action === 'stop');
  if (stop) throw new PipelineError('SOURCE_INVALID', `collector: ${stop.message} (checks.${stop.check})`);
}
