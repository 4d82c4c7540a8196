/**
 * Shows a run's stages on a terminal: one progress bar per stage while it works, one line when it is done. If the
 * stream is no terminal (a log, CI), only the lines appear. It writes to stderr: stdout belongs to results.
 */
import cliProgress from 'cli-progress';
import { z } from 'zod';
import { NounSchema, PEOPLE } from '../contracts/configuration/noun.ts';
import { DataFindingSchema } from '../contracts/dataset.ts';
import type { Progress } from '../contracts/progress.ts';
import type { Stage } from '../contracts/subjects.ts';
import { formatEta } from '../services/eta.ts';
import type { RunWatcher } from './follow.ts';

export interface StageView extends RunWatcher {
  /** When each stage was entered and left, milliseconds. */
  readonly durationsMs: Partial<Record<Stage, number>>;
  /** Removes what still moves. Call it at the run's end. */
  close(): void;
}

const BAR = '  {stage} {bar} {percentage}%  {note}';
const STAGE_WIDTH = 8;

export function createStageView(stream: NodeJS.WriteStream, quiet = false): StageView {
  const durationsMs: Partial<Record<Stage, number>> = {};
  let current: { stage: Stage; since: number; bar: cliProgress.SingleBar | null } | null = null;
  const line = (text: string) => void (quiet || stream.write(`${text}\n`));

  const leave = (note: string) => {
    if (!current) return;
    durationsMs[current.stage] = Math.round(performance.now() - current.since);
    current.bar?.stop();
    line(`  ${current.stage.padEnd(STAGE_WIDTH)} ${seconds(durationsMs[current.stage]!)}  ${note}`);
    current = null;
  };
  const enter = (stage: Stage) => {
    if (current?.stage === stage) return;
    leave('');
    current = { stage, since: performance.now(), bar: !quiet && stream.isTTY ? startBar(stream, stage) : null };
  };
  return {
    durationsMs,
    progress: (stage, progress) => {
      if (current?.stage === stage) current.bar?.update(progress.fraction, { note: noteOf(progress) });
    },
    completed: (_stage, data) => {
      leave(resultOf(data));
      for (const finding of findingsIn(data)) line(`    ${describeFinding(finding)}`);
    },
    failed: (stage, { code, message }) => line(`    an attempt of ${stage} failed: ${message} [${code}]`),
    advanced: (state) => {
      const stage = stageOfState(state);
      if (stage) enter(stage);
      else if (state === 'awaitingApproval')
        line('  waits for `nightshift approve` or `nightshift reject` of this run');
      else leave(state === 'completed' ? 'in service' : '');
    },
    close: () => leave(''),
  };
}

function startBar(stream: NodeJS.WriteStream, stage: Stage): cliProgress.SingleBar {
  const options = { format: BAR, stream, hideCursor: true, clearOnComplete: true, fps: 10, barsize: 30 };
  const bar = new cliProgress.SingleBar(options, cliProgress.Presets.shades_classic);
  bar.start(1, 0, { stage: stage.padEnd(STAGE_WIDTH), note: '' });
  return bar;
}

const STATES: Readonly<Record<string, Stage>> = {
  collecting: 'collect',
  training: 'train',
  verifying: 'verify',
  deploying: 'deploy',
};
/** Undefined before the first stage and after the last. */
export const stageOfState = (state: string): Stage | undefined => STATES[state.split('.')[0]!];

function noteOf({ done, total, unit, figures, etaMs, waitsFor }: Progress): string {
  const known = Object.entries(figures).map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`);
  const eta = etaMs === undefined ? [] : [`ETA ${formatEta(etaMs)}`];
  const waits = waitsFor === undefined ? [] : [`waits: ${waitsFor}`];
  return [...waits, ...eta, `${Number(done.toFixed(1))}/${total} ${unit}s`, ...known].join('  ');
}

/** The figures of a stage's result that a person wants to see. */
function resultOf(data: Record<string, unknown>): string {
  const shown = ['samples', 'people', 'quarantined', 'epochs', 'imagesPerSecond', 'validationRank1', 'verdict'];
  return shown
    .filter((key) => data[key] !== undefined && data[key] !== null)
    .map(
      (key) =>
        `${key === 'people' ? nounIn(data).many : key} ${typeof data[key] === 'number' ? Number((data[key] as number).toPrecision(4)) : String(data[key])}`,
    )
    .join(', ');
}

/** A note with twenty names is read by `nightshift data show`, and not while the stages pass by. */
const NOTE_CHARACTERS_MAX = 240;

function describeFinding({ action, message }: z.infer<typeof DataFindingSchema>): string {
  const characters = Array.from(message);
  if (action !== 'note' || characters.length <= NOTE_CHARACTERS_MAX) return `${action}: ${message}`;
  return `${action}: ${characters.slice(0, NOTE_CHARACTERS_MAX).join('').trimEnd()} …`;
}

/** Of a collection: whatever its data was found to differ in from that of the model in service. */
const findingsIn = (data: Record<string, unknown>) => z.array(DataFindingSchema).safeParse(data['findings']).data ?? [];

/** The words for `people` in the result of a collection; people where a collector says none. */
export const nounIn = (data: Record<string, unknown>) => NounSchema.safeParse(data['noun']).data ?? PEOPLE;

export const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`.padStart(7);
