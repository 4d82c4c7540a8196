/** The stages of a run as bars: how far, how long, which attempt, and why the last one failed. */
import type { TimelineEntry } from '../../contracts/api.ts';
import type { Progress } from '../../contracts/progress.ts';
import type { Stage } from '../../contracts/subjects.ts';
import { now, progress } from '../state/live.ts';
import { count, duration } from '../words.ts';
import { stageBars, type StageBar } from './stages.ts';

const TITLES: Readonly<Record<Stage, string>> = {
  collect: 'Collect',
  train: 'Train',
  verify: 'Verify',
  deploy: 'Deploy',
};
const STATUS: Readonly<Record<StageBar['status'], string>> = {
  waiting: 'not begun',
  active: 'under way',
  done: 'done',
  failed: 'failed',
};

export function StageList({ runId, timeline }: { runId: string; timeline: readonly TimelineEntry[] }) {
  const bars = stageBars(timeline, now.value);
  const step = progress.value.get(runId) ?? null;
  return (
    <ol class="stages">
      {bars.map((bar) => (
        <StageItem key={bar.stage} bar={bar} step={bar.status === 'active' ? step : null} />
      ))}
    </ol>
  );
}

function StageItem({ bar, step }: { bar: StageBar; step: Progress | null }) {
  const { stage, status, attempts, durationMs, failure } = bar;
  const title = TITLES[stage];
  const fraction = status === 'done' || status === 'failed' ? 1 : status === 'active' ? (step?.fraction ?? 0) : 0;
  return (
    <li class={status}>
      <span class="stage-name">{title}</span>
      <progress value={fraction} max={1} aria-label={`${title}: ${STATUS[status]}`} />
      <span class="stage-said">
        {STATUS[status]}
        {attempts > 0 ? `, ${duration(durationMs)}` : ''}
        {attempts > 1 ? `, attempt ${attempts}` : ''}
      </span>
      {step === null ? null : <span class="stage-said">{stepInWords(step)}</span>}
      {failure === null ? null : <span class="stage-why">{failure}</span>}
    </li>
  );
}

function stepInWords({ done, total, unit, figures, waitsFor, etaMs }: Progress): string {
  const numbers = Object.entries(figures).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
  const left = etaMs === undefined ? [] : [`${duration(etaMs)} left`];
  return [`${done} of ${count(total, unit)}`, ...left, ...numbers, ...(waitsFor ? [waitsFor] : [])].join(', ');
}
