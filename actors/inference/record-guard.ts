/**
 * Which deployment records a replica obeys: those that an orchestrator with a trusted key has sealed, in their order, and
 * none older than one that was obeyed here. A record that is refused changes nothing for clients and raises an alarm.
 * Where nobody signs, every record that can be read is obeyed. Called by follow.ts.
 */
import { PipelineError, toFailure, type Failure } from '../../contracts/errors.ts';
import { DeploymentSchema, type Deployment } from '../../contracts/release.ts';
import type { Stored } from '../../infra/stores/record-store.ts';
import type { Logger } from '../../runtime/logger.ts';
import { checkSeal, type Link } from '../../services/signing/seal.ts';
import { demanded, type Signing } from '../../services/signing/signing.ts';
import type { PairChecks } from './pair-check.ts';
import type { ServedMemory } from './served-memory.ts';

export interface RecordGuardOptions {
  readonly model: string;
  readonly signing: Signing;
  /** Null: nothing is remembered over a restart. */
  readonly memory: ServedMemory | null;
  /** Asked about the pair that the record puts into service. */
  readonly pairs: Pick<PairChecks, 'recheck'>;
  /** In words, or null: all is in order again. */
  readonly onAlarm: (alarm: string | null) => void;
  readonly log: Logger;
}

export interface RecordGuard {
  /** Whether the record is to be obeyed. */
  accept(stored: Pick<Stored<Deployment>, 'text' | 'value'>): boolean;
  /** A record that cannot be read. */
  refuse(failure: Pick<Failure, 'code' | 'message'>): void;
  /** The record that was obeyed here before a restart; null if there is none, or nobody signs. */
  remembered(): Deployment | null;
}

export function createRecordGuard({ model, signing, memory, pairs, onAlarm, log }: RecordGuardOptions): RecordGuard {
  let link: Link | null = memory?.last()?.link ?? null;
  let told: string | null = null;
  const refuse: RecordGuard['refuse'] = ({ code, message }) => {
    const alarm = `${code}: ${message}`;
    // It is read every few seconds.
    if (alarm !== told) log.error({ code, alarm: message }, 'replica: ALARM: a deployment record is refused');
    told = alarm;
    onAlarm(alarm);
  };
  return {
    refuse,
    accept: ({ text, value }) => {
      try {
        if (value.current) pairs.recheck(value.current);
        const trust = demanded(signing, 'orchestrator');
        if (trust) {
          const next = checkSeal(text, model, trust);
          checkOrder(link, next, model, memory?.path);
          link = next;
          memory?.note({ link: { number: next.number, digest: next.digest }, record: text });
        }
      } catch (error) {
        refuse(toFailure(error));
        return false;
      }
      told = null;
      onAlarm(null);
      return true;
    },
    remembered: () => {
      const trust = demanded(signing, 'orchestrator');
      const obeyed = memory?.last();
      if (!trust || !obeyed) return null;
      try {
        checkSeal(obeyed.record, model, trust);
        return DeploymentSchema.parse(JSON.parse(obeyed.record));
      } catch (error) {
        refuse(toFailure(error));
        return null;
      }
    },
  };
}

/** Throws RELEASE_STALE for an older record, and RELEASE_UNTRUSTED for one that does not follow upon the last. */
function checkOrder(last: Link | null, next: ReturnType<typeof checkSeal>, model: string, path?: string): void {
  if (!last || (next.number === last.number && next.digest === last.digest)) return;
  if (next.number <= last.number) {
    const hint = path
      ? `; if the store was emptied or restored on purpose, remove ${path} and start the replica again`
      : '';
    const message = `model ${model}: the deployment record has number ${next.number}, and ${last.number} was obeyed here${hint}`;
    throw new PipelineError('RELEASE_STALE', message);
  }
  if (next.number === last.number + 1 && next.before !== last.digest) {
    const message = `model ${model}: deployment record ${next.number} was not written upon the one that was obeyed here`;
    throw new PipelineError('RELEASE_UNTRUSTED', message);
  }
}
