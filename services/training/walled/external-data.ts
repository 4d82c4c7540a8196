/**
 * The files to which an ONNX model refers for its values, wherever in the model that stands: also in the graphs inside of
 * its nodes, in constants and in functions, where onnxruntime looks as well.
 */
import onnxProto, { type onnx } from 'onnx-proto';

const EXTERNAL = onnxProto.onnx.TensorProto.DataLocation.EXTERNAL;

/** Names without repetition; of a tensor that names no file, an empty one. */
export function externalData(model: onnx.ModelProto): string[] {
  const names = new Set<string>();
  const waiting: unknown[] = [model];
  while (waiting.length > 0) {
    const part = waiting.pop();
    if (typeof part !== 'object' || part === null || ArrayBuffer.isView(part)) continue;
    // Only tensors have a place of their data.
    if ('dataLocation' in part && part.dataLocation === EXTERNAL) names.add(locationOf(part as onnx.ITensorProto));
    for (const inner of Object.values(part)) if (typeof inner === 'object') waiting.push(inner);
  }
  return [...names];
}

const locationOf = ({ externalData: entries }: onnx.ITensorProto): string =>
  entries?.find(({ key }) => key === 'location')?.value ?? '';
