/**
 * The process in which a model that others made is read, loaded and run: it may hang, crash or want all memory, and its
 * owner, walled-session.ts, ends it. Ends with its owner, however that ends.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { assertNever } from '../../../contracts/errors.ts';
import { startThread } from '../../../runtime/threads.ts';
import { decodeModel } from '../onnx/encoding.ts';
import { externalData } from './external-data.ts';
import type { FromWalled, ToWalled, Values } from './walled-session.messages.ts';

/** Of all that one run gives. Embeddings of 64 images are a hundredth of it; the owner takes no more into its memory. */
const OUTPUT_BYTES_MAX = 256 * 1024 ** 2;

startThread('runtime/parent-watch.thread', Number(process.argv[2]), { name: 'parent-watch' });

let session: InferenceSession | null = null;
/** An owner that is gone hears nothing; that ends us, too. */
const say = (message: FromWalled) => void process.send?.(message, undefined, undefined, () => {});

process.on('message', (asked: ToWalled) => {
  answer(asked).then(say, (error: unknown) => say({ type: 'failed', message: textOf(error) }));
});

async function answer(asked: ToWalled): Promise<FromWalled> {
  switch (asked.type) {
    case 'read':
      decodeModel(asked.model);
      return { type: 'read' };
    case 'open':
      session = await open(asked);
      return { type: 'opened', inputs: session.inputMetadata, outputs: session.outputMetadata };
    case 'run':
      return { type: 'ran', outputs: await run(session!, asked) }; // The owner opens before it runs.
    default:
      return assertNever(asked);
  }
}

async function open({ model, threads }: Extract<ToWalled, { type: 'open' }>): Promise<InferenceSession> {
  const [external] = externalData(decodeModel(model));
  if (external !== undefined) throw new Error(`its weights lie in another file, ${external || 'without a name'}`);
  return InferenceSession.create(model, threads === undefined ? {} : { intraOpNumThreads: threads });
}

async function run(model: InferenceSession, { feeds, wanted }: Extract<ToWalled, { type: 'run' }>) {
  const tensors = Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new Tensor(type, data, dims)]);
  const given = await model.run(Object.fromEntries(tensors), wanted);
  const outputs: Record<string, Values> = {};
  let bytes = 0;
  for (const [name, { type, data, dims }] of Object.entries(given)) {
    bytes += ArrayBuffer.isView(data) ? data.byteLength : 0;
    if (bytes > OUTPUT_BYTES_MAX) throw new Error(`its outputs have more than ${OUTPUT_BYTES_MAX} bytes`);
    outputs[name] = { type, data, dims };
  }
  return outputs;
}

/** onnxruntime throws plain errors; in protobuf's code a broken file can cause others. */
const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
