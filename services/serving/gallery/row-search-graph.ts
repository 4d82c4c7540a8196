/**
 * The arithmetic of a search among rows as one graph, because onnxruntime goes over 100,000 values several times as
 * fast as a loop does: products of integers, the least and the most that they may be worth, and the rows that reach the
 * best. Used by row-search.ts; row-search.thread.ts explains the numbers.
 */
import onnxProto from 'onnx-proto';

/**
 * Inputs: `probe` uint8 [1, d]; `rows` int8 [d, n]; `steps`, `shifts`, `losses` float32 [1, n]; `step`, `perLoss`,
 * `always` float32 [1]; `best` int64 [1], at most n. A row's score lies within `losses * perLoss + always` of
 * `steps * step * (probe . row - shifts)`. Output: `found` int64 [2, m], the coordinates of each row that may be among
 * the `best`.
 */
export function searchGraph(): Uint8Array {
  const { ModelProto, TensorProto } = onnxProto.onnx;
  const { UINT8, INT8, INT64, FLOAT } = TensorProto.DataType;
  const value = (name: string, elemType: number, dims: readonly (string | number)[]) => {
    const dim = dims.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size }));
    return { name, type: { tensorType: { elemType, shape: { dim } } } };
  };
  const node = (output: string, opType: string, ...input: string[]) => ({ opType, input, output: [output] });
  const graph = {
    name: 'search',
    node: [
      node('products', 'MatMulInteger', 'probe', 'rows'),
      { ...node('sums', 'Cast', 'products'), attribute: [{ name: 'to', type: 2, i: FLOAT }] },
      node('centred', 'Sub', 'sums', 'shifts'),
      node('inSteps', 'Mul', 'centred', 'steps'),
      node('scores', 'Mul', 'inSteps', 'step'),
      node('lost', 'Mul', 'losses', 'perLoss'),
      node('bounds', 'Add', 'lost', 'always'),
      node('least', 'Sub', 'scores', 'bounds'),
      node('most', 'Add', 'scores', 'bounds'),
      { opType: 'TopK', input: ['least', 'best'], output: ['top', 'places'] },
      node('floor', 'ReduceMin', 'top'),
      node('reaches', 'GreaterOrEqual', 'most', 'floor'),
      node('found', 'NonZero', 'reaches'),
    ],
    input: [
      value('probe', UINT8, [1, 'd']),
      value('rows', INT8, ['d', 'n']),
      ...['steps', 'shifts', 'losses'].map((name) => value(name, FLOAT, [1, 'n'])),
      ...['step', 'perLoss', 'always'].map((name) => value(name, FLOAT, [1])),
      value('best', INT64, [1]),
    ],
    output: [value('found', INT64, [2, 'm'])],
  };
  return ModelProto.encode({ irVersion: 8, opsetImport: [{ domain: '', version: 17 }], graph }).finish();
}
