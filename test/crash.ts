/**
 * `npm run test:crash`: kills a real actor with -9 at every named point of every story, has another take its place, and
 * holds what is left against a run that nobody disturbed. Some minutes long, so `npm test` takes only a few points.
 */
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { FAULT_POINTS } from '../runtime/fault-points.ts';
import { KILLED_IN_FORGETTING } from './support/crash/names.ts';
import { crashPlan, judge, nameOf, type Verdict } from './support/crash/plan.ts';
import { withCrashRig, type CrashRig } from './support/crash/rig.ts';
import { STORIES, type Story } from './support/crash/stories.ts';

const { json, only, story, part } = new Command('crash')
  .option('--story <name>', `only this story: ${STORIES.map(({ name }) => name).join(', ')}`)
  .option('--only <text>', 'only points whose name contains the text, such as "trainer" or "committing"', '')
  .option('--part <i/n>', 'every nth point from the ith on, to run it in parts', '1/1')
  .option('--json', 'one JSON object on stdout', false)
  .parse()
  .opts<{ json: boolean; only: string; story?: string; part: string }>();

const isWhole = story === undefined && only === '' && part === '1/1';
const startedAt = performance.now();
const chosen = STORIES.filter(({ name }) => story === undefined || name === story);
const verdicts = await withCrashRig(async (rig) => {
  const all: Verdict[] = [];
  for (const one of chosen) all.push(...(await tell(rig, one)));
  return all;
});
report();

/** Kills at each point of the story. */
async function tell(rig: CrashRig, one: Story): Promise<Verdict[]> {
  const undisturbed = await rig.run(one, null);
  if (undisturbed.stuck) throw new Error(`${one.name}, undisturbed, did not end: ${undisturbed.stuck}`);
  const [index, parts] = part.split('/').map(Number) as [number, number];
  const plan = crashPlan(one, undisturbed)
    .filter((crash) => nameOf(crash).includes(only))
    .filter((_, place) => place % parts === index - 1);
  const bar = new SingleBar({
    format: `${one.name} {bar} {value}/{total}  ETA {eta_formatted}`,
    stream: process.stderr,
    noTTYOutput: true,
    notTTYSchedule: 10_000,
  });
  bar.start(plan.length, 0);
  const verdicts: Verdict[] = [];
  for (const crash of plan) {
    const verdict = judge(one, crash, undisturbed.traces, await rig.run(one, crash));
    verdicts.push(verdict);
    // At once: whoever ends a long run early has seen it.
    if (isBad(verdict)) process.stderr.write(`${describe(verdict)}\n`);
    bar.increment();
  }
  bar.stop();
  return verdicts;
}

function report(): void {
  const count = (holds: (verdict: Verdict) => boolean) => verdicts.filter(holds).length;
  const result = {
    points: verdicts.length,
    kills: count(({ reached }) => reached),
    lost: count(({ lost }) => lost.length > 0),
    doubled: count(({ doubled }) => doubled.length > 0),
    stuck: count(({ stuck }) => stuck !== null),
    seconds: Math.round((performance.now() - startedAt) / 1000),
  };
  const unplanned = isWhole ? missingPoints() : [];
  for (const point of unplanned) process.stderr.write(`${point}: no story comes to it\n`);
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else console.table(result);
  process.exitCode = unplanned.length === 0 && !verdicts.some(isBad) && verdicts.length > 0 ? 0 : 1;
}

function isBad({ reached, stuck, lost, doubled }: Verdict): boolean {
  return !reached || stuck !== null || lost.length + doubled.length > 0;
}

function missingPoints(): string[] {
  const planned = new Set<string>([...verdicts.map(({ crash }) => crash.point), ...KILLED_IN_FORGETTING]);
  return Object.keys(FAULT_POINTS).filter((point) => !planned.has(point));
}

function describe({ story, crash, reached, stuck, lost, doubled }: Verdict): string {
  const why = [reached ? [] : ['never reached'], stuck ? [`stuck: ${stuck}`] : [], lost.map((it) => `lost ${it}`)];
  return `${story}: ${nameOf(crash)}\n  ${[...why.flat(), ...doubled.map((it) => `doubled ${it}`)].join('\n  ')}`;
}
