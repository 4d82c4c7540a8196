/**
 * What an imported backbone says of itself in its metadata_props. All of it is inside of the graph already: the file takes
 * pixels 0..255 of pictures of any size. Written by import.ts, read where a training opens the file (frozen/backbone.ts).
 */
import type { onnx } from 'onnx-proto';

export interface BackboneMetadata {
  /** Name of the file that was imported. */
  readonly source: string;
  /** SHA-256 of that file. */
  readonly digest: string;
  /** What it was: `ONNX operators 9 of mxnet`, `TensorFlow.js graph model`. */
  readonly framework: string;
  /** Preset by which it was read, or how its input was found out. */
  readonly input: string;
  /** In which order the net takes colours; `grey` for one channel. */
  readonly channels: 'rgb' | 'bgr' | 'grey';
  /** Of red, green and blue, or one for all: the net sees (pixel - mean) * scale. */
  readonly mean: string;
  readonly scale: string;
  /** Of the net's own input, WxH. */
  readonly size: string;
  /** Shares of the picture, `left,top,width,height`: what of it the net sees. */
  readonly crop: string;
  /** Length of one row of features. */
  readonly features: string;
  /** With what its outputs were compared, and how far they lay apart at most. */
  readonly checked: string;
}

const PREFIX = 'nightshift.backbone.';
const FORMAT_KEY = `${PREFIX}format`;
const FORMAT = '1';
const FIELDS = [
  ...['source', 'digest', 'framework', 'input', 'channels', 'mean', 'scale', 'size', 'crop', 'features', 'checked'],
] as readonly (keyof BackboneMetadata)[];

export const toBackboneProps = (metadata: BackboneMetadata): Record<string, string> => ({
  [FORMAT_KEY]: FORMAT,
  ...Object.fromEntries(FIELDS.map((field) => [PREFIX + field, metadata[field]])),
});

/** Null for a file that was not imported. Throws an Error where a later version wrote it. */
export function readBackboneMetadata({ metadataProps }: onnx.IModelProto): BackboneMetadata | null {
  const props = new Map((metadataProps ?? []).map(({ key, value }) => [key ?? '', value ?? '']));
  const format = props.get(FORMAT_KEY);
  if (format === undefined) return null;
  if (format !== FORMAT) throw new Error(`it was imported in format ${format}; this version reads ${FORMAT}`);
  const missing = FIELDS.find((field) => !props.has(PREFIX + field));
  if (missing !== undefined) throw new Error(`its property ${PREFIX}${missing} is missing; import it again`);
  return Object.fromEntries(FIELDS.map((field) => [field, props.get(PREFIX + field)!])) as unknown as BackboneMetadata; // every field was found
}
