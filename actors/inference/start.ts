/** The parts of the inference actor that main.ts wires together, as one module that is loaded when they are needed. */
export { startBlobReader } from './blob-reader.ts';
export { followModels } from './follow-models.ts';
export { startInference } from './inference.ts';
export { openServedMemory } from './served-memory.ts';
