/**
 * ONNX files that are made to harm whoever loads them. Those that load have the form of the tiny model: input `images`
 * [batch, 1, 16, 16], output `embeddings` [batch, 8].
 */
import onnxProto, { type onnx as Onnx } from 'onnx-proto';
import { tinyModel } from './tiny-model.ts';

const { onnx } = onnxProto;
const { FLOAT, INT64, BOOL } = onnx.TensorProto.DataType;
const TYPES = onnx.AttributeProto.AttributeType;

const node = (opType: string, input: string[], output: string, attribute: Onnx.IAttributeProto[] = []) =>
  onnx.NodeProto.create({ opType, input, output: [output], attribute });
const integers = (name: string, values: number[]) =>
  onnx.TensorProto.create({ name, dims: [values.length], dataType: INT64, int64Data: values });
const value = (name: string, elemType: number, sizes: number[]) =>
  onnx.ValueInfoProto.create({
    name,
    type: { tensorType: { elemType, shape: { dim: sizes.map((dimValue) => ({ dimValue })) } } },
  });

/** The tiny model, whose embeddings wait for the value `extra` of these nodes: a float of shape [1]. */
function waitingFor(nodes: Onnx.NodeProto[], initializer: Onnx.TensorProto[] = []): Uint8Array {
  const model = onnx.ModelProto.decode(tinyModel({ outputName: 'rows' }));
  const graph = model.graph!; // tinyModel has one.
  graph.node = [...(graph.node ?? []), ...nodes, node('Add', ['rows', 'extra'], 'embeddings')];
  graph.initializer = [...(graph.initializer ?? []), ...initializer];
  graph.output![0]!.name = 'embeddings';
  return onnx.ModelProto.encode(model).finish();
}

const cast = (from: string, type: number, to: string) =>
  node('Cast', [from], to, [{ name: 'to', type: TYPES.INT, i: type }]);

/** A scalar that depends on the images, so that nothing of it is worked out when the model is loaded. */
const FROM_IMAGES = [node('ReduceMean', ['images'], 'level', [{ name: 'keepdims', type: TYPES.INT, i: 0 }])];

/** Loads at once; a run goes 2^62 times around. */
export function loopingModel(): Uint8Array {
  const body = onnx.GraphProto.create({
    name: 'body',
    node: [node('Identity', ['go'], 'goOn'), node('Cos', ['state'], 'next')],
    input: [value('round', INT64, []), value('go', BOOL, []), value('state', FLOAT, [])],
    output: [value('goOn', BOOL, []), value('next', FLOAT, [])],
  });
  const rounds = onnx.TensorProto.create({ name: 'rounds', dims: [], dataType: INT64, int64Data: [2 ** 62] });
  const go = onnx.TensorProto.create({ name: 'goAtFirst', dims: [], dataType: BOOL, int32Data: [1] });
  const loop = node('Loop', ['rounds', 'goAtFirst', 'level'], 'extra', [{ name: 'body', type: TYPES.GRAPH, g: body }]);
  return waitingFor([...FROM_IMAGES, loop], [rounds, go]);
}

/** A few hundred bytes that make a tensor of so many floats, when it is loaded or when it is run. */
export function hoardingModel(floats: number, when: 'loaded' | 'run'): Uint8Array {
  const sum = node('ReduceMax', ['much'], 'extra', [{ name: 'keepdims', type: TYPES.INT, i: 0 }]);
  const sizes = integers('sizes', [floats / 1024, 1024]);
  if (when === 'loaded') return waitingFor([node('ConstantOfShape', ['sizes'], 'much'), sum], [sizes]);
  return waitingFor([...FROM_IMAGES, node('Expand', ['level', 'sizes'], 'much'), sum], [sizes]);
}

/** Divides the smallest integer by -1, at which the processor stops onnxruntime 1.30 with SIGFPE. */
export function crashingModel(when: 'loaded' | 'run'): Uint8Array {
  const least = onnx.TensorProto.create({ name: 'least', dims: [1], dataType: INT64, rawData: LEAST });
  const nodes = [
    node('Div', ['least', when === 'loaded' ? 'minusOne' : 'below'], 'quotient'),
    cast('quotient', FLOAT, 'extra'),
  ];
  const below = [cast('level', INT64, 'whole'), node('Min', ['whole', 'minusOne'], 'below')];
  return waitingFor([...FROM_IMAGES, ...(when === 'run' ? below : []), ...nodes], [least, integers('minusOne', [-1])]);
}

/** -2^63, in the order of bytes that ONNX has. */
const LEAST = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0x80]);

/** Its constant lies in a file; the constant is in a graph inside of a node, where few look. */
export function externalModel(location: string): Uint8Array {
  const tensor = {
    ...{ name: 'secret', dims: [1], dataType: FLOAT, dataLocation: onnx.TensorProto.DataLocation.EXTERNAL },
    externalData: [{ key: 'location', value: location }],
  };
  const branch = (name: string) =>
    onnx.GraphProto.create({
      name,
      node: [node('Constant', [], name, [{ name: 'value', type: TYPES.TENSOR, t: tensor }])],
      output: [value(name, FLOAT, [1])],
    });
  const branches = ['then_branch', 'else_branch'].map((name) => ({ name, type: TYPES.GRAPH, g: branch(name) }));
  return waitingFor([...FROM_IMAGES, cast('level', BOOL, 'isBright'), node('If', ['isBright'], 'extra', branches)]);
}

/** A protobuf message of `nodes` nodes with nothing in them: two bytes each in the file, fifty times that in memory. */
export function crowdedFile(nodes: number): Uint8Array {
  const graph = Buffer.alloc(2 * nodes);
  for (let at = 0; at < graph.length; at += 2) graph[at] = 0x0a; // Field 1, of no bytes.
  const length: number[] = [];
  for (let rest = graph.length; rest > 0; rest = Math.floor(rest / 128))
    length.push((rest % 128) | (rest >= 128 ? 128 : 0));
  return Buffer.concat([Buffer.from([0x3a, ...length]), graph]); // Field 7 of a model: its graph.
}

/** A graph in a node of a graph in a node, and so on. */
export function nestedFile(depth: number): Uint8Array {
  let graph: Buffer = Buffer.alloc(0);
  const within = (field: number, bytes: Buffer): Buffer => {
    const length: number[] = [];
    for (let rest = bytes.length; ; rest = Math.floor(rest / 128)) {
      length.push((rest % 128) | (rest >= 128 ? 128 : 0));
      if (rest < 128) break;
    }
    return Buffer.concat([Buffer.from([field * 8 + 2, ...length]), bytes]);
  };
  // Graph of attribute, attribute of node, node of graph.
  for (let level = 0; level < depth; level++) graph = within(1, within(5, within(6, graph)));
  return within(7, graph);
}

/** Loads, and gives 8 numbers per image and more bytes than anybody wants: it repeats them. */
export function floodingModel(times: number): Uint8Array {
  const model = onnx.ModelProto.decode(tinyModel({ outputName: 'rows' }));
  const graph = model.graph!; // tinyModel has one.
  graph.node = [...(graph.node ?? []), node('Tile', ['rows', 'times'], 'embeddings')];
  graph.initializer = [...(graph.initializer ?? []), integers('times', [1, times])];
  graph.output![0]!.name = 'embeddings';
  graph.output![0]!.type!.tensorType!.shape!.dim![1]!.dimValue = 8 * times;
  return onnx.ModelProto.encode(model).finish();
}
