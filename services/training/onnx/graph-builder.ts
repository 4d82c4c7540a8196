/**
 * Writes an ONNX graph node by node. A value is the name of a tensor; every method returns the names it made, so that
 * formulas read from left to right. Knows the ONNX operators used here (opset 13 and later), nothing of nets or training.
 * A portable graph leaves out what GPU providers lack; the few methods that differ for it are in portable.ts.
 */
import type { onnx } from 'onnx-proto';
import {
  FLOAT,
  OPSET,
  encodeAttribute,
  encodeFloats,
  encodeIntegers,
  encodeValueInfo,
  type Dimension,
  type ElementType,
} from './encoding.ts';
import type { GraphWriter, NodeOptions, Value } from './graph-writer.ts';
import { concatInParts, logSoftmaxByParts, productByTranspose, splitBySlices } from './portable.ts';

export interface GraphOptions {
  /** Standard operators only, as onnxruntime's WebGPU provider has them; slower on a processor. */
  readonly portable?: boolean;
  /** Channels in a block of this machine's convolutions (blocked-conv.ts); absent or null: none are blocked. */
  readonly block?: number | null;
  /** Version of the operators, from 13 on; absent: OPSET. */
  readonly opset?: number;
}

/** From this one on a mean takes its axes as an input. */
const OPSET_OF_MEAN_AXES = 18;

export class GraphBuilder implements GraphWriter {
  readonly portable: boolean;
  readonly block: number | null;
  readonly #opset: number;
  readonly #nodes: onnx.INodeProto[] = [];
  readonly #initializers: onnx.ITensorProto[] = [];
  readonly #inputs: onnx.IValueInfoProto[] = [];
  readonly #outputs: onnx.IValueInfoProto[] = [];
  /** Small constants by content, so that one axis list is stored once. */
  readonly #constants = new Map<string, Value>();
  #made = 0;

  constructor({ portable = false, block = null, opset = OPSET }: GraphOptions = {}) {
    this.portable = portable;
    this.block = block;
    this.#opset = opset;
  }

  input(name: Value, type: ElementType, shape: readonly Dimension[]): Value {
    this.#inputs.push(encodeValueInfo(name, type, shape));
    return name;
  }

  /** Declares `value` as an output of the graph under `name`. */
  output(name: string, value: Value, type: ElementType, shape: readonly Dimension[]): void {
    this.#nodes.push({ opType: 'Identity', input: [value], output: [name] });
    this.#outputs.push(encodeValueInfo(name, type, shape));
  }

  /** A node with one output. */
  node(opType: string, inputs: readonly Value[], options: NodeOptions = {}): Value {
    return this.nodes(opType, inputs, 1, options)[0]!;
  }

  /** A node with `count` outputs. */
  nodes(opType: string, inputs: readonly Value[], count: number, options: NodeOptions = {}): Value[] {
    const outputs = Array.from({ length: count }, (_, index) => `${opType}_${this.#made}_${index}`);
    this.#made += 1;
    const attribute = Object.entries(options.attributes ?? {}).map(([name, value]) => encodeAttribute(name, value));
    this.#nodes.push({ opType, input: [...inputs], output: outputs, attribute, domain: options.domain ?? '' });
    return outputs;
  }

  floats(data: Float32Array, shape: readonly number[], name = this.#newConstantName()): Value {
    this.#initializers.push(encodeFloats(name, data, shape));
    return name;
  }

  scalar(value: number): Value {
    return this.#shared(`f${value}`, () => this.floats(Float32Array.of(value), []));
  }

  integers(values: readonly number[]): Value {
    return this.#shared(`i${values.join()}`, () => {
      const name = this.#newConstantName();
      this.#initializers.push(encodeIntegers(name, values, [values.length]));
      return name;
    });
  }

  add = (a: Value, b: Value): Value => this.node('Add', [a, b]);
  sub = (a: Value, b: Value): Value => this.node('Sub', [a, b]);
  mul = (a: Value, b: Value): Value => this.node('Mul', [a, b]);
  div = (a: Value, b: Value): Value => this.node('Div', [a, b]);
  sqrt = (a: Value): Value => this.node('Sqrt', [a]);

  /** -1 stands for "what is left", 0 for "as in the input". */
  reshape(x: Value, shape: readonly number[]): Value {
    return this.node('Reshape', [x, this.integers(shape)]);
  }

  /** Sum over `axes`; the axes stay as size 1 unless `keep` is false. */
  sum(x: Value, axes: readonly number[], keep = true): Value {
    return this.node('ReduceSum', [x, this.integers(axes)], { attributes: { keepdims: keep ? 1 : 0 } });
  }

  mean(x: Value, axes: readonly number[], keep = true): Value {
    const keepdims = keep ? 1 : 0;
    if (this.#opset < OPSET_OF_MEAN_AXES)
      return this.node('ReduceMean', [x], { attributes: { axes: [...axes], keepdims } });
    return this.node('ReduceMean', [x, this.integers(axes)], { attributes: { keepdims } });
  }

  castToFloat(x: Value): Value {
    return this.node('Cast', [x], { attributes: { to: FLOAT } });
  }

  concat(values: readonly Value[], axis: number): Value {
    if (this.portable) return concatInParts(this, values, axis);
    return this.node('Concat', values, { attributes: { axis } });
  }

  /** The vector `x` cut into consecutive pieces of these sizes. */
  split(x: Value, sizes: readonly number[]): Value[] {
    if (this.portable) return splitBySlices(this, x, sizes);
    return this.nodes('Split', [x, this.integers(sizes)], sizes.length, { attributes: { axis: 0 } });
  }

  /** a times b transposed, matrix by matrix: [batch, m, k] and [batch, n, k] give [batch, m, n]. */
  productWithTransposed(a: Value, b: Value): Value {
    if (this.portable) return productByTranspose(this, a, b);
    return this.node('FusedMatMul', [a, b], { attributes: { transB: 1 }, domain: 'com.microsoft' });
  }

  /** Of each row of a matrix. */
  logSoftmax(x: Value): Value {
    if (this.portable) return logSoftmaxByParts(this, x);
    return this.node('LogSoftmax', [x], { attributes: { axis: 1 } });
  }

  /** Takes in nodes and constants of another graph, whose names must be none of this one's. */
  include({ node, initializer }: Pick<onnx.IGraphProto, 'node' | 'initializer'>): void {
    this.#nodes.push(...(node ?? []));
    this.#initializers.push(...(initializer ?? []));
  }

  build(name: string): onnx.IGraphProto {
    return {
      name,
      node: this.#nodes,
      initializer: this.#initializers,
      input: this.#inputs,
      output: this.#outputs,
    };
  }

  #shared(key: string, make: () => Value): Value {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const value = make();
    this.#constants.set(key, value);
    return value;
  }

  #newConstantName(): Value {
    this.#made += 1;
    return `constant_${this.#made}`;
  }
}
