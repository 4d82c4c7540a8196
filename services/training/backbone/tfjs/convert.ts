/**
 * A TensorFlow.js graph model as an ONNX graph that takes [batch, channels, height, width]. Called by import.ts, which
 * compares the result with TensorFlow.js; how pictures lie is in values.ts, what each node means in operators.ts.
 */
import type { onnx } from 'onnx-proto';
import { decodeModel, encodeModel } from '../../onnx/encoding.ts';
import { GraphBuilder } from '../../onnx/graph-builder.ts';
import { nodeNameOf, type TfGraph, type TfNode } from './graph-model.ts';
import { OPERATORS } from './operators.ts';
import { asPlain, image, Unfit, type Known } from './values.ts';

export interface ConvertedGraph {
  readonly model: onnx.ModelProto;
  readonly input: { readonly channels: number; readonly height: number | null; readonly width: number | null };
  /** How many nodes of each operator were converted. */
  readonly operators: Readonly<Record<string, number>>;
}

const PLACEHOLDERS = ['Placeholder', 'PlaceholderV2'];
const FLOAT_TYPES: readonly unknown[] = ['DT_FLOAT', 1, undefined];

/** `images` to `features`, the node `output`. Throws an Error naming the node that cannot be converted, or the input. */
export function convertGraph(graph: TfGraph, output: string): ConvertedGraph {
  const g = new GraphBuilder();
  const { known, input, operators } = convertNodes(g, graph, [output]);
  // Some nets end in [batch, 1, 1, n].
  g.output('features', asRows(g, known.get(output)!), 'float', ['batch', 'features']);
  return { model: decodeModel(encodeModel(g.build('features'))), input, operators };
}

/** `images` to all of `outputs`, each a row of its values under the name of its node. Throws as `convertGraph`. */
export function convertOutputs(graph: TfGraph, outputs: readonly string[]): ConvertedGraph {
  const g = new GraphBuilder();
  const { known, input, operators } = convertNodes(g, graph, outputs);
  for (const name of outputs) g.output(name, asRows(g, known.get(name)!), 'float', ['batch', `${name} values`]);
  return { model: decodeModel(encodeModel(g.build('outputs'))), input, operators };
}

const asRows = (g: GraphBuilder, known: Known) => g.node('Flatten', [asPlain(g, known)], { attributes: { axis: 1 } });

function convertNodes(g: GraphBuilder, graph: TfGraph, outputs: readonly string[]) {
  const known = new Map<string, Known>();
  const operators: Record<string, number> = {};
  const order = orderFor(graph, outputs);
  const input = inputOf(order);
  g.input('images', 'float', ['batch', input.channels, input.height ?? 'height', input.width ?? 'width']);
  for (const node of order) {
    if (node.op === 'Const') known.set(node.name, constantOf(graph, node));
    else if (PLACEHOLDERS.includes(node.op)) known.set(node.name, image('images'));
    else {
      known.set(node.name, convertNode(g, node, known));
      operators[node.op] = (operators[node.op] ?? 0) + 1;
    }
  }
  return { known, input, operators };
}

function convertNode(g: GraphBuilder, node: TfNode, known: ReadonlyMap<string, Known>): Known {
  const operator = Object.hasOwn(OPERATORS, node.op) ? OPERATORS[node.op] : undefined;
  if (operator === undefined) throw new Error(`its node ${node.name} is a ${node.op}, which cannot be converted`);
  try {
    return operator(
      g,
      node,
      dataInputs(node).map((name) => known.get(name)!),
    );
  } catch (cause) {
    if (!(cause instanceof Unfit)) throw cause;
    throw new Error(`its node ${node.name} (${node.op}) cannot be converted: ${cause.message}`, { cause });
  }
}

/** Those that carry a value; the others only say what comes first. */
const dataInputs = ({ input }: TfNode): string[] => input.filter((name) => !name.startsWith('^')).map(nodeNameOf);

/** What `outputs` rest on, each node after its inputs. */
function orderFor({ nodes }: TfGraph, outputs: readonly string[]): TfNode[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const order = new Map<string, TfNode>();
  const entered = new Set<string>();
  // Without recursion: nets are thousands of nodes deep.
  const waiting = [...outputs];
  while (waiting.length > 0) {
    const name = waiting.at(-1)!;
    const node = byName.get(name);
    if (node === undefined) throw new Error(`it has no node ${name}`);
    if (order.has(name) || entered.has(name)) {
      waiting.pop();
      order.set(name, node);
    } else {
      entered.add(name);
      waiting.push(...dataInputs(node).filter((input) => !order.has(input)));
    }
  }
  return [...order.values()];
}

function inputOf(order: readonly TfNode[]): ConvertedGraph['input'] {
  const inputs = order.filter(({ op }) => PLACEHOLDERS.includes(op));
  const names = inputs.map(({ name }) => name).join(', ');
  if (inputs.length !== 1) throw new Error(`it has ${inputs.length} inputs (${names}) where one picture is needed`);
  const { shape, dtype } = inputs[0]!.attr;
  const sizes = (shape?.shape?.dim ?? []).map(({ size }) => Number(size ?? -1));
  if (!FLOAT_TYPES.includes(dtype?.type))
    throw new Error(`its input ${names} takes ${String(dtype?.type)}, not float32`);
  if (sizes.length !== 4)
    throw new Error(`its input ${names} is [${sizes.join(', ')}], not [batch, height, width, channels]`);
  const [, height, width, channels] = sizes as [number, number, number, number];
  if (channels !== 1 && channels !== 3)
    throw new Error(`its input ${names} is [${sizes.join(', ')}]: ${channels} channels, not 1 or 3, at the end`);
  return { channels, height: height > 0 ? height : null, width: width > 0 ? width : null };
}

function constantOf({ weights }: TfGraph, { name }: TfNode): Known {
  const weight = weights.get(name);
  if (weight === undefined) throw new Error(`its constant ${name} has no weight in the manifest`);
  return { type: 'constant', weight };
}
