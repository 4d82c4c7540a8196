/**
 * The graphs around a frozen backbone: pixels to features, and pixels to embeddings with a trained head, each as one
 * ONNX model. The backbone's nodes are taken over as they are under names of their own. Called by subject.ts.
 */
import type { BackboneConfig } from '../../../contracts/configuration/training.ts';
import type { ImageSpec } from '../../../contracts/dataset.ts';
import { addEmbeddings, withMirrors, type Weights } from '../model/export.ts';
import { toMetadataProps, type ModelMetadata } from '../model/metadata.ts';
import type { ResolvedNet } from '../nets/nets.ts';
import { encodeModel, encodeValueInfo, opsetOf } from '../onnx/encoding.ts';
import { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph-writer.ts';
import { renamed } from '../onnx/rename.ts';
import type { Backbone } from './backbone.ts';
import { FEATURES, identity, PIXELS } from './feature-part.ts';

/** No name of a GraphBuilder begins so. */
const PREFIX = 'backbone/';

/** `images` [batch, channels, height, width] 0..255 to `features` [batch, n]. */
export function featureModel(backbone: Backbone, image: ImageSpec): Uint8Array {
  const g = builderFor(backbone);
  g.output('features', features(g, backbone, image), 'float', ['batch', 'features']);
  return encodeModel(g.build('features'), { around: backbone.model });
}

/** The model that serves. `net`: the head, on an input of as many channels as there are features. */
export function frozenModel(
  backbone: Backbone,
  image: ImageSpec,
  net: ResolvedNet,
  weights: Weights,
  metadata: ModelMetadata,
): Uint8Array {
  const g = builderFor(backbone);
  addEmbeddings(g, net, weights, features(g, backbone, image, metadata.mirror), metadata);
  const valueInfo = [encodeValueInfo(FEATURES, 'float', ['batch', net.image.channels])];
  return encodeModel(
    { ...g.build(metadata.model), valueInfo },
    { metadata: toMetadataProps(metadata), around: backbone.model },
  );
}

/** The head alone: `images` [batch, features, 1, 1] to `embeddings`. */
export function headModel(net: ResolvedNet, weights: Weights, metadata: ModelMetadata): Uint8Array {
  const g = new GraphBuilder();
  addEmbeddings(g, net, weights, g.input('images', 'float', ['batch', net.image.channels, 1, 1]));
  return encodeModel(g.build(metadata.model), { metadata: toMetadataProps(metadata) });
}

/** Our own nodes are of the version of the backbone's. */
const builderFor = ({ model }: Backbone): GraphBuilder => new GraphBuilder({ opset: opsetOf(model) });

function features(g: GraphBuilder, backbone: Backbone, image: ImageSpec, mirror = false): Value {
  const images = g.input('images', 'float', ['batch', image.channels, image.height, image.width]);
  g.include({ node: [identity(mirror ? withMirrors(g, images, image.width) : images, PIXELS)] });
  const prepared = prepare(g, backbone, image, PIXELS);
  const rename = (name: string) => (name === backbone.input.name ? prepared : PREFIX + name);
  g.include(renamed(backbone.model.graph!, rename));
  // Some nets end in [batch, n, 1, 1].
  g.include({ node: [identity(g.node('Flatten', [rename(backbone.output)], { attributes: { axis: 1 } }), FEATURES)] });
  return FEATURES;
}

/** The pixels that the backbone wants of the pipeline: their channels, size and range. */
function prepare(g: GraphBuilder, { input, config }: Backbone, image: ImageSpec, images: Value): Value {
  const { channels, height, width } = input;
  let x = channels === image.channels ? images : g.concat([images, images, images], 1);
  if (height !== image.height || width !== image.width) {
    const scales = Float32Array.of(1, 1, height / image.height, width / image.width);
    const attributes = { mode: 'linear', coordinate_transformation_mode: 'half_pixel' };
    x = g.node('Resize', [x, '', g.floats(scales, [4])], { attributes });
  }
  const { mean, scale } = config.input;
  if (!isAll(mean, 0)) x = g.sub(x, perChannel(g, mean));
  return isAll(scale, 1) ? x : g.mul(x, perChannel(g, scale));
}

type PerChannel = BackboneConfig['input']['mean'];

const isAll = (value: PerChannel, wanted: number) => [value].flat().every((one) => one === wanted);

function perChannel(g: GraphBuilder, value: PerChannel): Value {
  const values = Float32Array.from([value].flat());
  return g.floats(values, [1, values.length, 1, 1]);
}
