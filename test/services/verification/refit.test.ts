/** Whether a model that was fitted again to all images may serve: by people whom neither model has learned. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ProbeOutcome } from '../../../services/decision/recognition.ts';
import { judgeRefit, type Fitted } from '../../../services/verification/refit.ts';

const LEARNED = 'abcdefghijklmnopqrst'.split('');
const HELD_OUT = 'ABCDEFGH'.split('');

/** Five probes of each person; `refused` of those of the people held out, and `wrong` of the others, come out badly. */
function fitted({ refused = 1, wrong = 0, share = 0.01, verdict = 'shown' as 'shown' | 'broken' } = {}): Fitted {
  const promise = { verdict, share, lower: 0.002, upper: 0.02, best: 0.001, people: 100, trials: 2000, sentence: '' };
  const probesOf = (person: string, bad: number): ProbeOutcome[] =>
    Array.from({ length: 5 }, (_, i) => ({
      ...{ person, probe: `${person}/${i}`, known: i >= bad },
      found: i >= bad ? person : 'z',
    }));
  const probes = [...HELD_OUT.map((p) => probesOf(p, refused)), ...LEARNED.map((p) => probesOf(p, wrong))].flat();
  return { probes, accuracy: { identify: { fpir: promise }, verify: { far: promise } } };
}

const held = new Set(HELD_OUT);
const broken = (candidate: Fitted, refit: Fitted, people: ReadonlySet<string> = held) =>
  judgeRefit(candidate, refit, people)
    .filter(({ outcome }) => outcome !== 'held')
    .map(({ name, outcome }) => `${name} ${outcome}`);

test('refit: it serves if strangers and people held out fare no worse', () => {
  assert.equal(broken(fitted(), fitted()), []);
  assert.equal(broken(fitted(), fitted({ refused: 0, share: 0.019 })), []);
});

test('refit: it does not if more strangers are let in than chance allows', () => {
  const names = ['refit-strangers-identify broken', 'refit-strangers-verify broken'];
  assert.equal(broken(fitted(), fitted({ share: 0.021 })), names);
  assert.equal(broken(fitted(), fitted({ verdict: 'broken' })), names);
});

test('refit: nor if people held out fare worse, or those whom it has learned', () => {
  assert.equal(broken(fitted(), fitted({ refused: 2 })), [
    'refit-newcomers-fnir broken',
    'refit-newcomers-rank-1 broken',
  ]);
  assert.equal(broken(fitted(), fitted({ wrong: 1 })), ['refit-learned-rank-1 broken']);
});

test('refit: without people held out nothing can be said, and the candidate serves', () => {
  const few = new Set(HELD_OUT.slice(0, 4));
  assert.equal(broken(fitted(), fitted(), few), ['refit-newcomers undecided']);
  const { message } = judgeRefit(fitted(), fitted(), few).find(({ outcome }) => outcome === 'undecided')!;
  assert.match(message, /4 held out show nothing; at least 5 are needed/);
});

test.run();
