import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decisionLines, decisionOf, figuresLine } from '../../cli/decision-text.ts';
import { decisionFor, legacyDecision } from '../../services/decision/in-force.ts';
import { deploymentOf, releaseOf, replicaOf } from '../support/deployments.ts';
import { accuracy, figures, recognition } from '../support/figures.ts';
import { decisionAt } from '../support/tiny-data.ts';

test('decision text: people, thresholds and promises, and the warning in words if there is one', () => {
  const decision = { ...decisionFor(decisionAt(0.61234), 76), warning: 'too few strangers' };
  assert.equal(decisionLines({ ...decision, identify: { threshold: 0.5, margin: 0.05, fpir: 0.003 } }), [
    'identify    76 people, known from 0.5, 0.05 above the second best; FPIR at most 0.3 %',
    'verify      matches from 0.612; FAR at most 0.1 %',
    'warning     too few strangers',
  ]);
  assert.is(decisionLines({ ...decision, warning: null }).length, 2);
  assert.match(decisionLines(decision, { one: 'class', many: 'classes' })[0]!, /^identify    76 classes, known from/);
  const [identify, verify, warning] = decisionLines(decisionFor(legacyDecision(0.6), 3));
  assert.is(identify, 'identify    3 people, known from 0.6; nothing is promised about strangers');
  assert.is(verify, 'verify      matches from 0.6; nothing is promised about strangers');
  assert.match(warning ?? '', /^warning {5}this release was made before thresholds were set by a promise/);
});

test('decision text: it is that of the release in service, by the replica that has heard of the most people', () => {
  const decision = (people: number) => decisionFor(decisionAt(0.5), people);
  const deployment = deploymentOf({ current: releaseOf('r2', 2) });
  const replicas = [
    replicaOf('a', { release: 1, decision: decision(9) }),
    replicaOf('b', { release: 2, decision: decision(4) }),
    replicaOf('c', { release: 2, decision: decision(5) }),
    replicaOf('d', { release: 2, decision: decision(4) }),
  ];
  assert.is(decisionOf({ deployment, replicas })?.people, 5);
  assert.is(decisionOf({ deployment, replicas: replicas.slice(0, 1) }), null);
  assert.is(decisionOf({ deployment: null, replicas: [replicaOf('e')] }), null);
});

test('decision text: the figures are those of the verification, in the words of the model', () => {
  const measured = accuracy({
    recognition: recognition({ rank1PerPerson: 0.977 }),
    identify: { threshold: 0.49612, fpir: { ...accuracy().identify.fpir, share: 0.008, upper: 0.019 } },
  });
  const of = figures({ candidate: { ...figures().candidate, accuracy: measured } });
  const rest = 'strangers let in 0.8 %, with 95 % confidence below 1.9 %; threshold 0.496';
  assert.is(figuresLine(of), `figures     rank-1 per person 97.7 %; ${rest}`);
  assert.is(figuresLine(of, { one: 'class', many: 'classes' }), `figures     rank-1 per class 97.7 %; ${rest}`);
});

test.run();
