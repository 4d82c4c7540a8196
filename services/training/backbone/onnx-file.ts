/**
 * The bytes of a file as an ONNX model of one piece, or an Error that says what was found instead. Called where a file is
 * imported (source.ts) and where a training opens its backbone (frozen/backbone.ts).
 */
import type { onnx } from 'onnx-proto';
import { decodeModel, externalFiles } from '../onnx/encoding.ts';
import { describeBytes, missingBytes } from './found.ts';

/** Its graph has nodes, and its weights lie in it. */
export function readOnnx(bytes: Uint8Array): onnx.ModelProto {
  const found = describeBytes(bytes);
  if (found !== null) throw new Error(`it is ${found}`);
  const model = decoded(bytes);
  if (!model.graph?.node?.length) throw new Error('it is no ONNX file with a graph in it');
  const [external] = externalFiles(bytes);
  if (external !== undefined) throw new Error(`its weights lie in another file, ${external}; export one file`);
  return model;
}

function decoded(bytes: Uint8Array): onnx.ModelProto {
  try {
    return decodeModel(bytes);
  } catch (cause) {
    const missing = missingBytes(bytes);
    if (missing !== null && missing > 0) {
      const sizes = `it has ${bytes.length} bytes and should have at least ${missing} more`;
      throw new Error(`it is an ONNX file that was cut off: ${sizes}; fetch it again`, { cause });
    }
    throw new Error(`it is no ONNX file (${(cause as Error).message})`, { cause });
  }
}
