/** `nightshift faces` as a user runs it: no system, a folder of pictures in, a report and the faces out. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LookReport } from '../../services/data/faces/look.ts';
import { runCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { drawMarked, markDetector } from '../support/marked-faces.ts';
import { testPng } from '../support/samples.ts';

const PHOTOGRAPH = { width: 200, height: 150 };

async function writePictures(cwd: string): Promise<void> {
  const pictures = {
    'ada/1.png': await drawMarked(PHOTOGRAPH, [{ x: 100, y: 60, apart: 40 }]),
    'ada/2.png': await drawMarked(PHOTOGRAPH, [{ x: 80, y: 60, apart: 36, tilt: 20 }]),
    'ben/1.png': await testPng('nobody', 64),
    'ben/2.png': Buffer.from('no image'),
  };
  for (const folder of ['ada', 'ben']) mkdirSync(join(cwd, 'people', folder), { recursive: true });
  for (const [path, bytes] of Object.entries(pictures)) writeFileSync(join(cwd, 'people', path), bytes);
  writeFileSync(join(cwd, 'marks.onnx'), markDetector());
}

const LOOK = ['faces', 'look', 'people', '--detector', 'marks.onnx'];

test('cli: faces look counts what is found and what is refused, and writes the faces as the model sees them', () =>
  withFolder(async (cwd) => {
    await writePictures(cwd);
    const [text, json] = await Promise.all([
      runCli([...LOOK, '--crops', 'crops', '--image', '32x40x3'], { cwd }),
      runCli([...LOOK, '--size-min', '90', '--json'], { cwd }),
    ]);
    assert.is(text.code, 0, text.stderr);
    assert.match(text.stdout, /4 pictures, one face in 2 \(50\.0 %\)/);
    assert.match(text.stdout, /FACE_NOT_FOUND +1 \(25\.0 %\)\n +IMAGE_UNREADABLE +1/);
    assert.match(text.stdout, /people\/ben\/1\.png: no face is found in it/);
    const { width, height, channels } = await sharp(join(cwd, 'crops/ada/2.png')).metadata();
    assert.equal([width, height, channels], [32, 40, 3]);
    assert.not(existsSync(join(cwd, 'crops/ben')));
    const report = JSON.parse(json.stdout) as LookReport;
    assert.equal([report.found, report.refused.FACE_TOO_SMALL, report.pictures], [1, 1, 4]);
    assert.ok(report.spread!.side.least >= 90);
  }));

test('cli: faces look and import say what is wrong with a setting, a folder, a detector and a model', () =>
  withFolder(async (cwd) => {
    await writePictures(cwd);
    const said = async (...args: string[]) => {
      const { code, stderr } = await runCli(args, { cwd });
      assert.is.not(code, 0);
      return stderr;
    };
    const [setting, image, folder, detector, model] = await Promise.all([
      said(...LOOK, '--score-min', '2'),
      said(...LOOK, '--image', '32'),
      said('faces', 'look', 'nowhere', '--detector', 'marks.onnx'),
      said('faces', 'look', 'people', '--detector', 'people/ada/1.png'),
      said('faces', 'import', 'marks.onnx', '--out', 'out.onnx'),
    ]);
    assert.match(setting, /scoreMin: .*CONFIG_INVALID/);
    assert.match(image, /a size and 1 or 3 channels, such as 64x64x1/);
    assert.match(folder, /nowhere: .*CONFIG_INVALID/);
    assert.match(detector, /people\/ada\/1\.png is no detector.*MODEL_INVALID/);
    assert.match(model, /known are TensorFlow\.js graph models of blazeface.*MODEL_INVALID/);
    assert.not(existsSync(join(cwd, 'out.onnx')));
  }));

test.run();
