/**
 * The file of a stage that finds faces: a detector as `nightshift faces import` writes it, with the settings of a pipeline
 * appended to its metadata_props. A dataset and a release carry it, so that collector and replica do the same. The graph
 * takes `images` [1, 3, height, width], red, green and blue, 0..255, and gives `faces`, rows of ROW_VALUES numbers.
 */
import type { onnx } from 'onnx-proto';
import { FaceSettingsSchema, type FaceSettings } from '../../../contracts/configuration/faces.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { appendMetadata, decodeModel, encodeAgain } from '../../training/onnx/encoding.ts';

/**
 * Score 0..1; left, top, right and bottom; then the eye that is on the left where the face is upright, x and y, and the
 * other one. In pixels of the detector's input.
 */
export const ROW_VALUES = 9;

/** What a detector says of itself. All of it is inside of the graph already, but for the size of its input. */
export interface DetectorMetadata {
  /** Name of the file that was imported. */
  readonly source: string;
  /** SHA-256 of that file. */
  readonly digest: string;
  readonly framework: string;
  /** Family by which it was read. */
  readonly family: string;
  /** Of its input, WxH. */
  readonly size: string;
  /** In which order the net takes colours. */
  readonly channels: 'rgb' | 'bgr';
  /** The net sees (pixel - mean) * scale. */
  readonly mean: string;
  readonly scale: string;
  /** Where it looks for faces, `stride x number` at each place of a grid. */
  readonly anchors: string;
  /** Which points of a face it gives, in its order. */
  readonly landmarks: string;
  /** With what its outputs were compared, and how far they lay apart at most. */
  readonly checked: string;
}

const PREFIX = 'nightshift.detector.';
const FORMAT_KEY = `${PREFIX}format`;
const FORMAT = '1';
const SETTINGS_KEY = 'nightshift.faces.settings';
const FIELDS: readonly (keyof DetectorMetadata)[] = [
  ...(['source', 'digest', 'framework', 'family', 'size', 'channels'] as const),
  ...(['mean', 'scale', 'anchors', 'landmarks', 'checked'] as const),
];

export const toDetectorProps = (metadata: DetectorMetadata): Record<string, string> => ({
  [FORMAT_KEY]: FORMAT,
  ...Object.fromEntries(FIELDS.map((field) => [PREFIX + field, metadata[field]])),
});

/** Throws MODEL_INVALID if the bytes are no such file. */
export function readDetector(bytes: Uint8Array, what: string): DetectorMetadata {
  const props = propsOf(bytes, what);
  const format = props.get(FORMAT_KEY);
  if (format === undefined) throw unfit(what, 'it is an ONNX file that was not imported');
  if (format !== FORMAT) throw unfit(what, `it was imported in format ${format}; this version reads ${FORMAT}`);
  const missing = FIELDS.find((field) => !props.has(PREFIX + field));
  if (missing !== undefined) throw unfit(what, `its property ${PREFIX}${missing} is missing`);
  // Every field was found.
  return Object.fromEntries(FIELDS.map((field) => [field, props.get(PREFIX + field)!])) as unknown as DetectorMetadata;
}

/** The detector with the settings of a pipeline: equal settings and detectors give equal bytes. Throws MODEL_INVALID. */
export function withSettings(detector: Uint8Array, settings: FaceSettings, what: string): Uint8Array {
  readDetector(detector, what);
  const model = decodeModel(detector);
  const others = model.metadataProps.filter(({ key }) => key !== SETTINGS_KEY);
  const isBare = others.length === model.metadataProps.length;
  model.metadataProps = others;
  const bare = isBare ? detector : encodeAgain(model);
  // Parsed once more for a fixed order, and without the path of the detector.
  return appendMetadata(bare, { [SETTINGS_KEY]: JSON.stringify(FaceSettingsSchema.parse(settings)) });
}

export interface FaceFile {
  readonly width: number;
  readonly height: number;
  readonly settings: FaceSettings;
}

/** Throws MODEL_INVALID if the bytes are no detector with settings. */
export function readFaceFile(bytes: Uint8Array, what: string): FaceFile {
  const [width, height] = readDetector(bytes, what).size.split('x').map(Number);
  const settings = propsOf(bytes, what).get(SETTINGS_KEY);
  if (settings === undefined) throw unfit(what, 'it has no settings');
  if (!width || !height) throw unfit(what, 'it does not say the size of its input');
  return { width, height, settings: FaceSettingsSchema.parse(JSON.parse(settings)) };
}

function propsOf(bytes: Uint8Array, what: string): ReadonlyMap<string, string> {
  let model: onnx.ModelProto;
  try {
    model = decodeModel(bytes);
  } catch (cause) {
    throw unfit(what, `it is no ONNX file (${(cause as Error).message})`, cause);
  }
  return new Map(model.metadataProps.map(({ key, value }) => [key ?? '', value ?? '']));
}

const unfit = (what: string, why: string, cause?: unknown) =>
  new PipelineError('MODEL_INVALID', `faces: ${what} is no detector: ${why}; make it by \`nightshift faces import\``, {
    cause,
  });
