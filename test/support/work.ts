/** A WorkContext for tests: collects what a service reports and logs. */
import type { Progress } from '../../contracts/progress.ts';
import type { WorkContext } from '../../services/work.ts';

export interface RecordedWork extends WorkContext {
  readonly reports: readonly Progress[];
  readonly warnings: readonly { readonly fields: object; readonly message: string }[];
  readonly abort: (reason: Error) => void;
}

export function recordWork(): RecordedWork {
  const controller = new AbortController();
  const reports: Progress[] = [];
  const warnings: { fields: object; message: string }[] = [];
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    progress: (report) => void reports.push(report),
    log: { info: () => undefined, warn: (fields, message) => void warnings.push({ fields, message }) },
    now: () => performance.now(),
    reports,
    warnings,
  };
}
