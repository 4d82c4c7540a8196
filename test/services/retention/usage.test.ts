/** Figures of what stays and goes. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobRef } from '../../../contracts/references.ts';
import { heldOf, rowsOf } from '../../../services/retention/usage.ts';

const ref = (bucket: BlobRef['bucket'], key: string, bytes: number) => ({
  ref: { bucket, key, digest: `sha256:${'0'.repeat(64)}`, bytes },
  storedAt: new Date(0),
});
const [shared, own] = [ref('DATASETS', 'shards/a.tar', 100), ref('DATASETS', 'shards/b.tar', 7)];
const [first, second] = [ref('DATASETS', 'manifests/1.json', 2), ref('DATASETS', 'manifests/2.json', 3)];
const files = [ref('MODELS', 'face/n1/model.onnx', 40), ref('MODELS', 'face/n1/README.md', 1)];
const all = [shared, own, first, second, ...files];

test('usage: bytes by kind and model, largest first', () =>
  assert.equal(rowsOf(all), [
    { model: null, kind: 'shards', objects: 2, bytes: 107 },
    { model: 'face', kind: 'models', objects: 2, bytes: 41 },
    { model: null, kind: 'manifests', objects: 2, bytes: 5 },
  ]));

test('usage: a snapshot counts all its shards, and alone those that no other names; what goes is left out', () => {
  const parts = new Map([
    ['manifests/1.json', [shared.ref]],
    ['manifests/2.json', [shared.ref, own.ref]],
  ]);
  const holds = new Map([
    ['DATASETS/manifests/2.json', new Set(['the last'])],
    ['MODELS/face/n1/', new Set(['it serves', 'the last'])],
  ]);
  assert.equal(heldOf(all, holds, parts), [
    { what: 'manifests/2.json', bucket: 'DATASETS', bytes: 110, alone: 10, reasons: ['the last'] },
    { what: 'face/n1', bucket: 'MODELS', bytes: 41, alone: 41, reasons: ['it serves', 'the last'] },
  ]);
});

test.run();
