/** The digest of what trains and judges: what changes it, and what does not. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobRef } from '../../../contracts/references.ts';
import { contentOf } from '../../../services/data/manifest.ts';
import type { ResolvedSample } from '../../../services/data/resolve.ts';

const IMAGE = { width: 8, height: 8, channels: 1 } as const;
const WHOLE = { image: IMAGE, faces: null };
const detector = (digit: string): BlobRef => ({
  ...{ bucket: 'MODELS', key: 'f.onnx', digest: `sha256:${digit.repeat(64)}`, bytes: 1 },
});
type Content = Parameters<typeof contentOf>[1];

const sample = (number: number, more: Partial<ResolvedSample> = {}): ResolvedSample => ({
  ...{ id: `${number}`, label: 'ada', digest: `sha256:${String(number).padStart(64, '0')}`, offset: 0, bytes: 9 },
  ...{ file: '', look: new Uint8Array(0), group: '', tags: [], grey: 0, source: 0, split: 'train', ...more },
});
const SAMPLES = [
  sample(1),
  sample(2, { split: 'probe' }),
  sample(3, { label: 'ben', tags: ['b', 'a'], grey: 0, source: 1 }),
];
const base: Content = {
  ...{ labels: ['ada', 'ben'], alike: [], heldOut: [], strangers: [], samples: SAMPLES },
  sources: ['auth', 'helper'].map((name) => ({ name, type: 'list', samples: 1, quarantined: 0 })),
};
const content = (changed: Partial<Content> = {}) => contentOf(WHOLE, { ...base, ...changed });
const withThird = (more: Partial<ResolvedSample>) => ({
  samples: [SAMPLES[0]!, SAMPLES[1]!, { ...SAMPLES[2]!, ...more }],
});

test('content: the order of samples and tags, ids, places and what was quarantined do not count', () => {
  assert.match(content(), /^sha256:[0-9a-f]{64}$/);
  assert.is(content({ samples: [...SAMPLES].reverse() }), content());
  assert.is(content(withThird({ tags: ['a', 'b'], grey: 0, id: 'other', offset: 7, bytes: 3 })), content());
  const sources = base.sources.map((source) => ({ ...source, quarantined: 5 }));
  assert.is(content({ sources }), content());
});

for (const [what, changed] of [
  ['a label', withThird({ label: 'ada' })],
  ['an image', withThird({ digest: `sha256:${'9'.repeat(64)}` })],
  ['a split', withThird({ split: 'validation' })],
  ['a tag', withThird({ tags: ['a'] })],
  ['a source', withThird({ source: 0 })],
  ['a sample less', { samples: SAMPLES.slice(0, 2) }],
  ['somebody held out', { heldOut: ['ben'] }],
  ['a stranger', { strangers: ['eve'] }],
] as const)
  test(`content: ${what} changes it`, () => assert.is.not(content(changed), content()));

test('content: the form of the images changes it', () =>
  assert.is.not(contentOf({ ...WHOLE, image: { ...IMAGE, width: 9 } }, base), content()));

test('content: looking for faces changes it, and so does another detector', () => {
  const [one, other] = ['1', '2'].map((digit) => contentOf({ ...WHOLE, faces: detector(digit) }, base));
  assert.is(new Set([content(), one, other]).size, 3);
});

test.run();
