/**
 * `npm run test:crash`: kills a real actor with -9 at every named point of a night, starts it again, and holds the night
 * against one that nobody disturbed. Some minutes long, so `npm test` runs only a few of the points.
 */
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { nightWith } from './support/crash.ts';
import { crashPlan, judge, type Verdict } from './support/crash-plan.ts';

const { json, only } = new Command('crash')
  .option('--only <text>', 'only points whose name contains the text, such as "trainer" or "committing"', '')
  .option('--json', 'one JSON object on stdout', false)
  .parse()
  .opts<{ json: boolean; only: string }>();

const undisturbed = await nightWith(null);
if (undisturbed.stuck) throw new Error(`the undisturbed night did not end: ${undisturbed.stuck}`);
const nameOf = ({ crash }: Pick<Verdict, 'crash'>) => `${crash.actor} ${crash.point}@${crash.where}`;
const plan = crashPlan(undisturbed).filter((crash) => nameOf({ crash }).includes(only));
const bar = new SingleBar({ format: 'points {bar} {value}/{total}  ETA {eta_formatted}', stream: process.stderr });
bar.start(plan.length, 0);
const verdicts: Verdict[] = [];
for (const crash of plan) {
  verdicts.push(judge(crash, undisturbed.traces, await nightWith(crash)));
  bar.increment();
}
bar.stop();

const count = (holds: (verdict: Verdict) => boolean) => verdicts.filter(holds).length;
const result = {
  points: plan.length,
  kills: count(({ reached }) => reached),
  lost: count(({ lost }) => lost.length > 0),
  doubled: count(({ doubled }) => doubled.length > 0),
  stuck: count(({ stuck }) => stuck !== null),
};
const bad = verdicts.filter((it) => !it.reached || it.stuck || it.lost.length + it.doubled.length > 0);
for (const verdict of bad) {
  const { reached, stuck, lost, doubled } = verdict;
  const why = [reached ? [] : ['never reached'], stuck ? [`stuck: ${stuck}`] : [], lost.map((it) => `lost ${it}`)];
  process.stderr.write(
    `${nameOf(verdict)}\n  ${[...why.flat(), ...doubled.map((it) => `doubled ${it}`)].join('\n  ')}\n`,
  );
}
if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
else console.table(result);
process.exitCode = bad.length === 0 && plan.length > 0 ? 0 : 1;
