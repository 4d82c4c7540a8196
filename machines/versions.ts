/**
 * The versions of the pipeline machine. A run is bound to the version that started it; this table says how a run of an
 * older one goes on. test/machines/versions.test.ts holds the last entry to the machine itself, and recorded runs
 * (test/machines/corpus) to its decisions: who changes the machine declares it here.
 */
import { PipelineError } from '../contracts/errors.ts';
import type { Checkpoint } from './checkpoint.ts';
import { inChecksOf05 } from './checks.ts';
import { inNamesOf04 } from './names.ts';
import { inVerdictsOf03 } from './verdicts.ts';
import { inWordsOf02 } from './words.ts';

export interface MachineVersion {
  /** SHA-256 of the code that decides, the first 12 hex digits: see `npm run machine:digest`. */
  readonly digest: string;
  /** The change, for people. */
  readonly note: string;
  /**
   * Makes a checkpoint of the version before one of this. Absent: nothing has to be changed, an older run may go on
   * as it is.
   */
  readonly upcast?: (checkpoint: Checkpoint) => Checkpoint;
}

/** Oldest first; the last is the one in use. */
export const VERSIONS: readonly MachineVersion[] = [
  {
    digest: 'dc4dc33dd84f',
    note: 'Heartbeats, plans of compensation, pause, approval, canary; the first version that is counted.',
  },
  {
    digest: 'd11af182c252',
    note:
      'Stages are collect, train, verify, deploy; releases and canaries have their words; the digest covers every ' +
      'function that the machine reaches. Decides as the one before, but for the chance in the back-off of a stage, ' +
      'which is drawn from its name.',
    upcast: inWordsOf02,
  },
  {
    digest: '0e4814cc5061',
    note:
      'A verdict is blessed, rejected or inconclusive, and says whether the candidate may serve; a night whose data, ' +
      'configuration and champion are those of the last verdict ends unchanged; an operator may bless a candidate; ' +
      'collectors learn of the champion, verifiers of the words, the decision and earlier releases; a pair that was trained on ' +
      'faces is announced with the file that finds them.',
    upcast: inVerdictsOf03,
  },
  {
    digest: 'c6bf714e9fd0',
    note:
      'The memory of a run and its commands name programs, paths, addresses and modules, and no longer have them; a ' +
      'collector is told only the settings that it reads.',
    upcast: inNamesOf04,
  },
  {
    digest: '9dfb08c3d29f',
    note:
      "A collector is told what to ask of tonight's data; a run whose data is unlike that of the model in service waits for " +
      'a person before it is trained on.',
    upcast: inChecksOf05,
  },
];

export const currentVersion = (versions = VERSIONS): string => versions.at(-1)!.digest; // There is always one.

/** Whether the table knows the version that saved the checkpoint. */
export const isKnown = ({ machine }: Checkpoint, versions = VERSIONS): boolean =>
  versions.some(({ digest }) => digest === machine);

/** The checkpoint as the current version reads it. Throws RUN_VERSION_UNKNOWN where the table does not know its version. */
export function upcast(checkpoint: Checkpoint, versions = VERSIONS): Checkpoint {
  const current = currentVersion(versions);
  if (checkpoint.machine === current) return checkpoint;
  const from = versions.findIndex(({ digest }) => digest === checkpoint.machine);
  if (from === -1) {
    throw new PipelineError(
      'RUN_VERSION_UNKNOWN',
      `run ${checkpoint.context.runId} was saved by version ${checkpoint.machine ?? '(none)'} of the pipeline machine, ` +
        `which this program (${current}) does not know; let the program that started it end it`,
      // While versions are rolled out, an orchestrator that knows it may take the message.
      { retryable: true },
    );
  }
  const migrated = versions.slice(from + 1).reduce((value, version) => version.upcast?.(value) ?? value, checkpoint);
  return { ...migrated, machine: current };
}
