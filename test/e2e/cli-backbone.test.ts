/** `nightshift backbone import` as a user runs it: no system, a file in, a file and a report out. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ImportReport } from '../../services/training/backbone/import.ts';
import { bytesOf, noise, smallModel } from '../services/training/backbone/onnx-models.ts';
import { runCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';

const NET = smallModel({
  ...{ opset: 9, producer: 'insightface', shape: [1, 3, 8, 8] },
  nodes: [
    { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'] },
    { op: 'Clip', inputs: ['c'], outputs: ['y'], attributes: { min: { float: 0 } } },
  ],
  constants: { w: { floats: noise(4 * 192), shape: [4, 3, 8, 8] } },
});

test('cli: backbone import writes one file and says what it found, as text or as JSON', () =>
  withFolder(async (cwd) => {
    writeFileSync(join(cwd, 'w600k.onnx'), bytesOf(NET));
    const [text, json] = await Promise.all([
      runCli(['backbone', 'import', 'w600k.onnx', '--out', 'a.onnx'], { cwd }),
      runCli(
        [
          'backbone',
          'import',
          'w600k.onnx',
          '--out',
          'b.onnx',
          '--mean',
          '1,2,3',
          '--scale',
          '0.5',
          '--bgr',
          '--crop=0.1,0,0.8,1',
          '--json',
        ],
        { cwd },
      ),
    ]);
    assert.is(text.code, 0, text.stderr);
    assert.match(
      text.stdout,
      /^w600k\.onnx: ONNX operators 9 of insightface\n {2}operators of version 9 converted; written anew: Clip 1\n/,
    );
    assert.match(text.stdout, /RGB 8x8, \(pixel - 127\.5\) \* 0\.00784314: preset arcface/);
    assert.match(text.stdout, /features 4, .* ms an image\na\.onnx: .*"path": "a\.onnx"/);
    assert.is(json.code, 0, json.stderr);
    const report = JSON.parse(json.stdout) as ImportReport;
    assert.equal([report.file, report.features, report.input.bgr, report.input.mean], ['b.onnx', 4, true, [1, 2, 3]]);
    assert.equal(report.crop, { left: 0.1, top: 0, width: 0.8, height: 1 });
    assert.ok(existsSync(join(cwd, 'a.onnx')) && existsSync(join(cwd, 'b.onnx')));
  }));

test('cli: a backbone that cannot be imported is one clear line, and an exit code', () =>
  withFolder(async (cwd) => {
    writeFileSync(join(cwd, 'pointer.onnx'), 'version https://git-lfs.github.com/spec/v1\n');
    writeFileSync(join(cwd, 'net.onnx'), bytesOf(NET));
    const cases: readonly (readonly [string[], number, RegExp])[] = [
      [
        ['pointer.onnx', '--out', 'a.onnx'],
        1,
        /^nightshift: backbone: pointer\.onnx cannot be imported: it is a git-lfs pointer.*\[MODEL_INVALID\]\n$/,
      ],
      [
        ['absent.onnx', '--out', 'a.onnx'],
        1,
        /^nightshift: backbone: absent\.onnx cannot be imported: ENOENT.*\[MODEL_INVALID\]\n$/,
      ],
      [
        ['net.onnx', '--out', 'a.onnx', '--preset', 'mine'],
        2,
        /^error: .*Allowed choices are arcface, facenet, faceres, imagenet/,
      ],
      [['net.onnx', '--out', 'a.onnx', '--mean', 'a'], 2, /^error: .*one number, or three with commas/],
      [['net.onnx', '--out', 'a.onnx', '--crop', '1,2'], 2, /^error: .*left,top,width,height as shares/],
      [['net.onnx', '--out', 'a.onnx', '--size', 'big'], 2, /^error: .*a size such as 112x112/],
      [['net.onnx'], 2, /^error: required option '--out <file>' not specified; see --help\n$/],
    ];
    const check = async ([args, code, message]: (typeof cases)[number]) => {
      const end = await runCli(['backbone', 'import', ...args], { cwd });
      assert.match(end.stderr, message);
      assert.equal([end.code, end.stdout], [code, ''], args.join(' '));
    };
    await Promise.all(cases.map(check));
  }));

test.run();
