/**
 * The metadata_props of a Nightshift model: where it comes from and what it takes and gives. Written by export.ts;
 * read back here by protobuf, because onnxruntime's Node interface does not give them out.
 */
import { PipelineError } from '../../../contracts/errors.ts';
import { ImageSpecSchema, type ImageSpec } from '../../../contracts/dataset.ts';
import { appendMetadata, decodeModel, encodeAgain } from '../onnx/encoding.ts';

export interface ModelMetadata {
  readonly model: string;
  readonly runId: string;
  readonly datasetDigest: string;
  readonly image: ImageSpec;
  /** Length of one embedding. */
  readonly embeddingDimensions: number;
  /** People that the model was trained to tell apart. */
  readonly classes: number;
  /** It embeds each picture and its mirror image, and answers their mean. */
  readonly mirror?: boolean;
  /** Strategy and library that trained it. */
  readonly framework: string;
  /** Figures of the training such as `loss` and `epochs`; no times, so that one seed gives one file. */
  readonly metrics: Readonly<Record<string, number>>;
}

const KEYS = {
  model: 'nightshift.model',
  runId: 'nightshift.run_id',
  datasetDigest: 'nightshift.dataset_digest',
  image: 'nightshift.image',
  embeddingDimensions: 'nightshift.embedding_dimensions',
  classes: 'nightshift.classes',
  mirror: 'nightshift.mirror',
  framework: 'nightshift.framework',
  metrics: 'nightshift.metrics',
} as const satisfies Record<keyof Required<ModelMetadata>, string>;

/** The image is written as WxHxC, the metrics as JSON, numbers in decimal. */
export function toMetadataProps(metadata: ModelMetadata): Record<string, string> {
  const { image } = metadata;
  return {
    [KEYS.model]: metadata.model,
    [KEYS.runId]: metadata.runId,
    [KEYS.datasetDigest]: metadata.datasetDigest,
    [KEYS.image]: `${image.width}x${image.height}x${image.channels}`,
    [KEYS.embeddingDimensions]: String(metadata.embeddingDimensions),
    [KEYS.classes]: String(metadata.classes),
    ...(metadata.mirror && { [KEYS.mirror]: 'true' }),
    [KEYS.framework]: metadata.framework,
    [KEYS.metrics]: JSON.stringify(metadata.metrics),
  };
}

/**
 * The same file with these properties; others that it has are kept. Appended in protobuf's way of joining messages, so
 * that nothing of the file is lost that the installed schema does not know; only where a property is there already is
 * the file written anew.
 */
export function withMetadata(bytes: Uint8Array, metadata: ModelMetadata): Uint8Array {
  const props = toMetadataProps(metadata);
  const model = decodeModel(bytes);
  const isOurs = ({ key }: { key?: string | null }) => key != null && key in props;
  if (!model.metadataProps.some(isOurs)) return appendMetadata(bytes, props);
  model.metadataProps = model.metadataProps.filter((prop) => !isOurs(prop));
  return appendMetadata(encodeAgain(model), props);
}

/** Throws MODEL_INVALID when the bytes are no ONNX file, or one without these properties. */
export function readModelMetadata(bytes: Uint8Array): ModelMetadata {
  try {
    const props = readProps(bytes);
    return {
      model: text(props, KEYS.model),
      runId: text(props, KEYS.runId),
      datasetDigest: text(props, KEYS.datasetDigest),
      image: parseImage(text(props, KEYS.image)),
      embeddingDimensions: count(props, KEYS.embeddingDimensions),
      classes: count(props, KEYS.classes),
      ...(props.get(KEYS.mirror) === 'true' && { mirror: true }),
      framework: text(props, KEYS.framework),
      metrics: JSON.parse(text(props, KEYS.metrics)) as Record<string, number>, // our own writing, figures only
    };
  } catch (cause) {
    const reason = (cause as Error).message;
    const advice = 'deploy models that this pipeline trained';
    throw new PipelineError('MODEL_INVALID', `model: not a Nightshift ONNX file (${reason}); ${advice}`, { cause });
  }
}

function readProps(bytes: Uint8Array): ReadonlyMap<string, string> {
  const model = decodeModel(bytes);
  if (!model.graph?.node?.length) throw new Error('no graph in it');
  return new Map(model.metadataProps.map(({ key, value }) => [key ?? '', value ?? '']));
}

function text(props: ReadonlyMap<string, string>, key: string): string {
  const value = props.get(key);
  if (value === undefined) throw new Error(`the property ${key} is missing`);
  return value;
}

function count(props: ReadonlyMap<string, string>, key: string): number {
  const value = Number(text(props, key));
  if (!Number.isInteger(value) || value < 1) throw new Error(`the property ${key} is not a positive number`);
  return value;
}

function parseImage(value: string): ImageSpec {
  const [width, height, channels] = value.split('x').map(Number);
  return ImageSpecSchema.parse({ width, height, channels });
}
