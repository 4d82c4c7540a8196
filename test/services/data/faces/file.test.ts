/** The file that a dataset and a release carry: a detector with the settings of a pipeline. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FaceSettingsSchema } from '../../../../contracts/configuration/faces.ts';
import { PipelineError } from '../../../../contracts/errors.ts';
import { readDetector, readFaceFile, withSettings } from '../../../../services/data/faces/file.ts';
import { appendMetadata } from '../../../../services/training/onnx/encoding.ts';
import { tinyModel } from '../../../support/tiny-model.ts';
import { DETECTOR_SIDE, markDetector } from '../../../support/marked-faces.ts';

const DETECTOR = markDetector();
const SETTINGS = FaceSettingsSchema.parse({ sizeMin: 64, crop: { eyesApart: 0.5 } });

function refusal(read: () => unknown): PipelineError {
  try {
    read();
  } catch (error) {
    if (error instanceof PipelineError) return error;
  }
  throw new Error('expected a refusal');
}

test('face file: the settings are read as they were written, beside what the detector says of itself', () => {
  const file = withSettings(DETECTOR, SETTINGS, 'd');
  assert.equal(readFaceFile(file, 'f'), { width: DETECTOR_SIDE, height: DETECTOR_SIDE, settings: SETTINGS });
  assert.equal(readDetector(file, 'f'), readDetector(DETECTOR, 'd'));
});

test('face file: the same settings in another order give the same bytes, others do not', () => {
  const { crop, ...rest } = SETTINGS;
  const turned = { crop: { eyesDown: crop.eyesDown, eyesApart: crop.eyesApart }, ...rest };
  assert.equal(withSettings(DETECTOR, turned, 'd'), withSettings(DETECTOR, SETTINGS, 'd'));
  assert.not.equal(withSettings(DETECTOR, { ...SETTINGS, sizeMin: 65 }, 'd'), withSettings(DETECTOR, SETTINGS, 'd'));
});

test('face file: settings that are there already are replaced', () => {
  const before = withSettings(DETECTOR, FaceSettingsSchema.parse({}), 'd');
  assert.is(readFaceFile(withSettings(before, SETTINGS, 'd'), 'f').settings.sizeMin, 64);
});

test('face file: another ONNX file, a later format, no settings and no ONNX file are refused with the way out', () => {
  const foreign = refusal(() => withSettings(tinyModel(), SETTINGS, 'net.onnx'));
  assert.is(foreign.code, 'MODEL_INVALID');
  assert.match(foreign.message, /net\.onnx is no detector: .*not imported; make it by `nightshift faces import`/);
  const later = appendMetadata(tinyModel(), { 'nightshift.detector.format': '2' });
  assert.match(refusal(() => readDetector(later, 'd')).message, /imported in format 2/);
  const partial = appendMetadata(tinyModel(), { 'nightshift.detector.format': '1' });
  assert.match(refusal(() => readDetector(partial, 'd')).message, /nightshift\.detector\.source is missing/);
  assert.match(refusal(() => readFaceFile(DETECTOR, 'd')).message, /it has no settings/);
  assert.is(refusal(() => readFaceFile(Buffer.from('hello'), 'd')).code, 'MODEL_INVALID');
});

test.run();
