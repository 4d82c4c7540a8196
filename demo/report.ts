/** The demo's figures: a table for people, the same as one JSON object for scripts, and whether they are as promised. */
import Table from 'cli-table3';
import { clopperPearson } from '../services/decision/bounds.ts';
import { percent, reasonOf, rightOf, wrongOf, type Answers, type AtTheDoor, type Night, type Story } from './story.ts';
import type { TrafficFigures } from './traffic.ts';

/** The JSON object of `nightshift demo --json`. */
export function toJson(story: Story, { synthetic, fpir }: { readonly synthetic: boolean; readonly fpir: number }) {
  const periods = story.traffic.periods;
  const sum = (key: 'sent' | 'failed' | 'lost' | 'misrouted') =>
    Object.values(periods).reduce((total, period) => total + period[key], 0);
  return {
    data: synthetic ? 'synthetic' : 'folder',
    requests: {
      sent: sum('sent'),
      failed: sum('failed'),
      lost: sum('lost'),
      misrouted: sum('misrouted'),
      failures: story.traffic.failures,
      byRelease: story.traffic.releases,
    },
    latencyMs: Object.fromEntries(Object.entries(periods).map(([name, { latencyMs }]) => [name, latencyMs])),
    swap: { maxUs: story.swapUsMax },
    rollback: { ms: story.rollbackMs },
    accuracy: { rank1: story.second.rank1, firstNight: story.first.rank1 },
    newPeople: { before: rightOf(story.before.newcomers), after: rightOf(story.after.newcomers) },
    knownPeople: { before: rightOf(story.before.staff), after: rightOf(story.after.staff) },
    strangers: {
      promised: fpir,
      images: story.after.strangers.images,
      letIn: { before: story.before.strangers.wrong, after: story.after.strangers.wrong },
    },
    wrongNames: { before: wrongOf(story.before.staff), after: wrongOf(story.after.staff) },
    badNight: badNight(story.badLabels),
    emptyStreet: badNight(story.emptyStreet),
    stages: Object.fromEntries(Object.entries(story.second.stagesMs).map(([stage, ms]) => [stage, { ms }])),
    training: { imagesPerSecond: story.second.imagesPerSecond },
  };
}
const badNight = (night: Night) => ({ outcome: night.end.fact, rank1: night.rank1, reason: reasonOf(night) });
export type DemoFigures = ReturnType<typeof toJson>;

/** The promises that this demo did not keep; empty if all is well. */
export function brokenPromises(figures: DemoFigures): string[] {
  const promises: readonly (readonly [boolean, string])[] = [
    [
      figures.requests.failed === 0,
      `${figures.requests.failed} requests failed: ${figures.requests.failures.join('; ')}`,
    ],
    [figures.requests.lost === 0, `${figures.requests.lost} requests were not answered`],
    [figures.requests.misrouted === 0, `${figures.requests.misrouted} requests were answered by a replaced release`],
    [figures.swap.maxUs < 1000, `a swap took ${figures.swap.maxUs} microseconds, promised are less than 1000`],
    [figures.rollback.ms < 1000, `the rollback took ${figures.rollback.ms} ms, promised are less than 1000`],
    ...[figures.badNight, figures.emptyStreet].map(
      ({ outcome }) => [outcome === 'rejected', `a bad night ended "${outcome}" instead of rejected`] as const,
    ),
    ...Object.values(figures.strangers.letIn).map((letIn) => {
      const { images, promised } = figures.strangers;
      const kept = clopperPearson(letIn, images).lower <= promised;
      return [kept, `${letIn} of ${images} strangers were let in; promised are ${percent(promised)}`] as const;
    }),
    [figures.newPeople.before === 0, 'newcomers were recognised before they were learned'],
    [
      figures.newPeople.after > 0.5,
      `only ${percent(figures.newPeople.after)} of the newcomers' images were recognised`,
    ],
  ];
  return promises.filter(([kept]) => !kept).map(([, broken]) => broken);
}

/** Of the column with the reasons, which are sentences. */
const REASON_WIDTH = 78;

export function toTable(story: Story, figures: DemoFigures): string {
  const nights = new Table({
    head: ['night', 'collect', 'train', 'verify', 'deploy', 'images/s', 'rank-1', 'outcome'],
    style: { head: [], border: [] },
  });
  nights.push(
    nightRow('first', story.first),
    nightRow('second', story.second),
    nightRow('bad labels', story.badLabels),
  );
  nights.push(nightRow('empty street', story.emptyStreet));

  const facts = new Table({ style: { head: [], border: [] }, colWidths: [null, REASON_WIDTH], wordWrap: true });
  facts.push(
    ['requests', counts(figures.requests)],
    ['answered by', answeredBy(figures.requests.byRelease)],
    ['swap, longest', `${figures.swap.maxUs.toFixed(1)} microseconds`],
    ['rollback, command to last replica', `${figures.rollback.ms.toFixed(0)} ms`],
    ['bad labels', endOf(figures.badNight)],
    ['empty street', endOf(figures.emptyStreet)],
  );
  return [nights, doorTable(story), trafficTable(story.traffic), facts].map((table) => table.toString()).join('\n');
}

const endOf = ({ outcome, reason }: DemoFigures['badNight']) => `${outcome}: ${reason}`;

function doorTable(story: Story): InstanceType<typeof Table> {
  const head = [
    'at the door',
    'staff right',
    'wrong name',
    'newcomers right',
    'wrong name',
    'strangers let in',
    'rank-1',
  ];
  const table = new Table({ head, style: { head: [], border: [] } });
  const shares = (answers: Answers) => [percent(rightOf(answers)), percent(wrongOf(answers))];
  const row = (name: string, { staff, newcomers, strangers }: AtTheDoor, rank1: number) =>
    table.push([
      ...[name, ...shares(staff), ...shares(newcomers)],
      `${strangers.wrong} of ${strangers.images} (${percent(wrongOf(strangers))})`,
      percent(rank1),
    ]);
  row('release 1', story.before, story.first.rank1);
  row('release 2, after its night', story.after, story.second.rank1);
  row('release 2, after the bad nights', story.afterBad, story.second.rank1);
  return table;
}

const PHASES: readonly (readonly [string, string])[] = [
  ['warm-up', 'the first moments'],
  ['before', 'before, steady'],
  ['training', 'while a night works'],
  ['loading', 'while the candidate loads'],
  ['during', 'during the swap'],
  ['after', 'after the swap'],
];

function trafficTable({ periods }: TrafficFigures): InstanceType<typeof Table> {
  const head = ['requests', 'sent', 'failed', 'lost', 'misrouted', 'p50 ms', 'p99 ms', 'max ms', 'p99 / steady'];
  const table = new Table({ head, style: { head: [], border: [] } });
  const steady = periods['before']?.latencyMs.p99;
  for (const [name, words] of PHASES) {
    const period = periods[name];
    if (!period) continue;
    const { p50, p99, max } = period.latencyMs;
    const ratio = steady ? (p99 / steady).toFixed(1) : '-';
    const { sent, failed, lost, misrouted } = period;
    table.push([words, sent, failed, lost, misrouted, p50.toFixed(2), p99.toFixed(2), max.toFixed(1), ratio]);
  }
  return table;
}

const counts = ({ sent, failed, lost, misrouted }: DemoFigures['requests']) =>
  `${sent} sent, ${failed} failed, ${lost} lost, ${misrouted} misrouted`;

const answeredBy = (releases: DemoFigures['requests']['byRelease']) =>
  Object.entries(releases)
    .map(([release, answers]) => `release ${release}: ${answers}`)
    .join(', ');

function nightRow(name: string, { stagesMs, imagesPerSecond, rank1, end }: Night): string[] {
  const ms = (value: number | undefined) => (value === undefined ? '-' : `${(value / 1000).toFixed(2)} s`);
  const { collect, train, verify, deploy } = stagesMs;
  return [name, ms(collect), ms(train), ms(verify), ms(deploy), imagesPerSecond.toFixed(0), percent(rank1), end.fact];
}
