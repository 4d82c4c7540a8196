import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { VerificationConfigSchema } from '../../../contracts/configuration/verification.ts';
import type { Accuracy, PastFigures, Performance, Recognition, Verdict } from '../../../contracts/verification.ts';
import type { Comparison } from '../../../services/verification/comparison.ts';
import { isAdmitted, judge, type Figures } from '../../../services/verification/gates.ts';

const LIMITS = VerificationConfigSchema.parse({}).gates;

const recognition = (figures: Partial<Recognition> = {}): Recognition => ({
  ...{ people: 40, probes: 200, fnir: 0.1, wrongName: 0.01, rank1: 0.96, rank1PerPerson: 0.96, rank1WorstTenth: 0.7 },
  ...figures,
});
const promise = (verdict: 'shown' | 'broken' | 'inconclusive', share = 0.01) => ({
  ...{ verdict, share, lower: 0.005, upper: 0.018, best: 0.003, people: 200, trials: 1000 },
  sentence: `a sentence: ${verdict}`,
});
const accuracy = (changes: Partial<Accuracy> = {}): Accuracy => ({
  ...{ recognition: recognition(), newcomers: null, slices: [], worstPeople: [], rocAuc: 0.99, people: 40 },
  identify: { threshold: 0.6, fpir: promise('shown') },
  verify: { threshold: 0.5, far: promise('shown', 0.001), tar: 0.9 },
  ...changes,
});
const performance = (p99 = 10, imagesPerSecond = 500, p50 = 1): Performance => ({
  latencyMs: { p50, p95: 5, p99, max: p99 },
  imagesPerSecond,
  requests: 200,
});
const same = { difference: 0, lower: -0.01, upper: 0.01 };
const comparison = (changes: Partial<Comparison> = {}): Comparison => ({
  ...{ rank1: same, rank1PerPerson: same, fnir: same, parts: [], namesLost: [], namesBefore: 180 },
  ...changes,
});
const champion = (changes: Partial<Comparison> = {}, of: Partial<Accuracy> = {}) => ({
  ...{ accuracy: accuracy(of), performance: performance(), comparison: comparison(changes), runId: 'r1' },
});
const figures = (changes: Partial<Figures> = {}): Figures => ({
  ...{ candidate: { accuracy: accuracy(), performance: performance() }, champion: null, history: [] },
  ...changes,
});
const candidate = (changes: Partial<Accuracy>, speed = performance()) => ({
  candidate: { accuracy: accuracy(changes), performance: speed },
});
const past = (release: number, rank1PerPerson: number, people = 40): PastFigures => ({
  ...{ runId: `r${release}`, release, rank1PerPerson, fnir: 0.1, tar: 0.9, people, identifyThreshold: 0.6 },
});

const broken = (of: Partial<Figures>) => {
  const { gates, verdict, reasons } = judge(figures(of), LIMITS);
  const names = gates.filter(({ outcome }) => outcome === 'broken').map(({ name }) => name);
  assert.is(verdict, names.length === 0 ? 'blessed' : 'rejected', JSON.stringify(reasons));
  assert.is(reasons.length, names.length);
  return names;
};

test('gates: the first model is judged without a champion', () => {
  const { gates, verdict } = judge(figures(), LIMITS);
  assert.is(verdict, 'blessed');
  assert.equal(
    gates.map(({ name }) => name),
    ['strangers-identify', 'strangers-verify', 'rank-1', 'worst-tenth', 'wrong-name', 'fnir', 'roc-auc'].concat(
      'latency-p99',
      'throughput',
    ),
  );
});

test('gates: each limit rejects alone, and exactly at the limit it holds', () => {
  const of = (changes: Partial<Recognition>) => candidate({ recognition: recognition(changes) });
  assert.equal(broken(of({ rank1PerPerson: 0.79 })), ['rank-1']);
  assert.equal(broken(of({ rank1PerPerson: LIMITS.rank1Min })), []);
  assert.equal(broken(of({ wrongName: 0.021 })), ['wrong-name']);
  assert.equal(broken(candidate({ rocAuc: 0.89 })), ['roc-auc']);
  assert.equal(broken(candidate({}, performance(LIMITS.latencyP99MsMax + 1))), ['latency-p99']);
  assert.equal(broken(candidate({}, performance(LIMITS.latencyP99MsMax))), []);
  assert.equal(broken(candidate({}, performance(10, 4))), ['throughput']);
});

test('gates: one person with most of the images does not hide ten who are never recognised', () => {
  // 270 of 270 probes of one person right, 0 of 3 of each of ten others: 90 % of the images, 9 % of the people.
  const of = recognition({ people: 11, probes: 300, rank1: 0.9, rank1PerPerson: 1 / 11, rank1WorstTenth: 0 });
  assert.equal(broken(candidate({ recognition: of })), ['rank-1']);
});

test('gates: a broken promise rejects, and one that the data cannot show is inconclusive, with its sentence', () => {
  const identify = (verdict: 'broken' | 'inconclusive') => ({ identify: { threshold: 0.6, fpir: promise(verdict) } });
  assert.equal(broken(candidate(identify('broken'))), ['strangers-identify']);
  const { verdict, reasons } = judge(figures(candidate(identify('inconclusive'))), LIMITS);
  assert.is(verdict, 'inconclusive');
  assert.equal(reasons, ['strangers-identify: a sentence: inconclusive']);
});

test('gates: a broken gate decides before one that cannot be decided, and its reason comes first', () => {
  const identify = { threshold: 0.6, fpir: promise('inconclusive') };
  const { verdict, reasons } = judge(figures(candidate({ identify, rocAuc: 0.5 })), LIMITS);
  assert.is(verdict, 'rejected');
  assert.match(reasons[0]!, /^roc-auc is 0\.5000; at least 0\.9000/);
  assert.match(reasons[1]!, /^strangers-identify/);
});

test('gates: who may serve', () => {
  const of = (verdict: Verdict) => ({ verdict, gates: [] });
  assert.ok(isAdmitted(of('blessed'), 'reject'));
  assert.not(isAdmitted(of('rejected'), 'serve'));
  assert.ok(isAdmitted(of('inconclusive'), 'serve'));
  assert.ok(isAdmitted(of('inconclusive'), 'serve-first'));
  assert.not(isAdmitted(of('inconclusive'), 'reject'));
});

test('gates: a candidate beside a champion that cannot be measured is inconclusive, and serves only if that is wanted', () => {
  const judgement = judge(figures({ champion: 'the model in service cannot be read' }), LIMITS);
  const { verdict, reasons, gates } = judgement;
  assert.is(verdict, 'inconclusive');
  assert.match(reasons[0]!, /^champion: the model in service cannot be read; nobody can say whether/);
  assert.equal(gates.filter(({ outcome }) => outcome === 'undecided').length, 1);
  assert.equal(
    (['serve', 'serve-first', 'reject'] as const).map((policy) => isAdmitted(judgement, policy)),
    [true, false, false],
  );
});

test('gates: a drop below the champion is allowed up to its limit, if it may be chance', () => {
  const drop = (difference: number, upper = 0.01) =>
    broken({ champion: champion({ rank1PerPerson: { difference, lower: -0.1, upper } }) });
  assert.equal(drop(0.1), []);
  assert.equal(drop(-0.02), []);
  assert.equal(drop(0.96 - 0.98), []);
  assert.equal(drop(-0.021), ['rank-1-drop']);
  assert.equal(drop(-0.01, -0.002), ['rank-1-drop'], 'no chance');
  assert.equal(drop(-0.004, -0.001), [], 'too little to be worth a night');
  assert.equal(drop(NaN, NaN), ['rank-1-drop']);
});

test('gates: every other comparison with the champion rejects alone', () => {
  const rise = { difference: 0.08, lower: 0.03, upper: 0.12 };
  const drop = { difference: -0.2, lower: -0.3, upper: -0.05 };
  const lost = Array.from({ length: 5 }, (_, i) => ({ probe: `p${i}`, person: 'ada', found: 'bo' }));
  assert.equal(broken({ champion: champion({ fnir: rise }) }), ['fnir-rise']);
  assert.equal(broken({ champion: champion({ fnir: { ...rise, lower: -0.01 } }) }), [], 'it may be chance');
  assert.equal(broken({ champion: champion({ parts: [{ name: 'light: left', rank1: drop }] }) }), [
    'rank-1-drop of light: left',
  ]);
  assert.equal(broken({ champion: champion({ namesLost: lost }) }), ['names-lost']);
  assert.equal(broken({ champion: champion({ namesLost: lost.slice(1, 4) }) }), []);
  assert.equal(broken({ champion: champion({}, { verify: { ...accuracy().verify, tar: 0.96 } }) }), ['tar-drop']);
  const worse = candidate({ identify: { threshold: 0.6, fpir: promise('shown', 0.019) } });
  assert.equal(broken({ ...worse, champion: champion() }), ['strangers-rise']);
  assert.equal(broken({ ...candidate({}, performance(25, 500, 21)), champion: champion() }), ['slowdown']);
});

test('gates: ten nights that lose two points each are stopped by the best of the last releases', () => {
  const history: PastFigures[] = [past(1, 0.99)];
  const served: number[] = [];
  for (let night = 1; night <= 10; night++) {
    const rank1PerPerson = 0.99 - 0.02 * night;
    const champion_ = champion({ rank1PerPerson: { difference: -0.02, lower: -0.05, upper: 0.01 } });
    const { verdict } = judge(
      figures({ ...candidate({ recognition: recognition({ rank1PerPerson }) }), champion: champion_, history }),
      LIMITS,
    );
    if (verdict !== 'blessed') continue;
    served.push(night);
    history.unshift(past(night + 1, rank1PerPerson));
  }
  assert.equal(served, [1]);
});

test('gates: a release of far fewer people is no measure', () => {
  assert.equal(broken({ history: [past(2, 0.95), past(1, 1, 20)] }), []);
  assert.equal(broken({ history: [past(2, 0.95), past(1, 1, 32)] }), ['rank-1-best']);
});

test('gates: strangers who give the champion another threshold than it was released with are no strangers', () => {
  const by = (threshold: number, runId = 'r1') =>
    broken({
      champion: { ...champion({}, { identify: { ...accuracy().identify, threshold } }), runId },
      history: [past(2, 0.9), past(1, 0.96)],
    });
  assert.equal(by(0.6), []);
  assert.equal(by(0.5), []);
  assert.equal(by(0.49), ['threshold-jump']);
  assert.equal(by(0.71), ['threshold-jump']);
  assert.equal(by(0.1, 'r-unknown'), [], 'of a champion without a history nothing is known');
});

test('gates: strangers who score far below what people score with one another are no faces, on the first night too', () => {
  const by = (amongEnrolled: number) => broken(candidate({ identify: { ...accuracy().identify, amongEnrolled } }));
  assert.equal(by(0.5), [], 'those who were learned are pushed apart');
  assert.equal(by(0.7), []);
  assert.equal(by(0.71), ['strangers-alike']);
});

test('gates: a gallery that shrinks', () => {
  assert.equal(broken({ history: [past(1, 0.96, 44)] }), []);
  assert.equal(broken({ history: [past(1, 0.96, 45)] }), ['gallery-shrink']);
  const { reasons } = judge(figures({ history: [past(1, 0.96, 45)] }), LIMITS, { one: 'class', many: 'classes' });
  assert.match(reasons[0]!, /^gallery-shrink: 40 classes after 45; /);
});

test('gates: figures that are not numbers hold nothing', () => {
  const of = recognition({ rank1PerPerson: NaN, wrongName: NaN });
  assert.equal(broken(candidate({ recognition: of }, performance(NaN))), ['rank-1', 'wrong-name', 'latency-p99']);
});

test.run();
