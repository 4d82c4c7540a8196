/**
 * The stage from photograph to face, whole: decode, look for faces, choose one or refuse, turn it upright, cut it out.
 * onnxruntime blocks the thread that it runs in, so collector and replica reach this by way of a thread: face-threads.ts.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import type { ImageSpec } from '../../../contracts/dataset.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { decodePhotograph, planesOf, refuseBlank, toPlanes, type Photograph } from '../images.ts';
import { cutOut, similarityFor } from './align.ts';
import { chooseFace, facesOf, merged, sideOf, type Face, type Placement } from './candidates.ts';
import { readFaceFile, ROW_VALUES, type FaceFile } from './file.ts';
import { sharpnessOf, SHARPNESS_SIDE } from './sharpness.ts';

export interface FoundFace {
  /** [channels, height, width] of the spec, 0..255. */
  readonly pixels: Uint8Array;
  readonly face: { readonly score: number; readonly side: number; readonly sharpness: number };
}

export interface FaceStage {
  /**
   * Throws IMAGE_TOO_LARGE, IMAGE_UNREADABLE, IMAGE_BLANK, FACE_NOT_FOUND, FACES_SEVERAL, FACE_TOO_SMALL or
   * FACE_TOO_BLURRED; `what` names the image in the message.
   */
  find(bytes: Uint8Array, spec: ImageSpec, what: string): Promise<FoundFace>;
  close(): Promise<void>;
}

/** Faces are cut out of the photograph in this size at most: a face of a tenth of it still has 200 pixels. */
const SIDE_MAX = 2048;
/**
 * Room around the photograph in the detector's input, as a share of its sides. Detectors miss faces that fill their input,
 * and such are photographs that were cut out already; only where none is found they look without.
 */
const ROOMS = [0.25, 0] as const;

/** `file`: of `withSettings`. Throws MODEL_INVALID. */
export async function openFaceStage(file: Uint8Array, what: string): Promise<FaceStage> {
  const detector = readFaceFile(file, what);
  const session = await sessionOf(file, what);
  return {
    find: async (bytes, spec, name) => {
      const photograph = await decodePhotograph(bytes, SIDE_MAX, name);
      const faces = await look(session, detector, photograph, name);
      const face = chooseFace(faces, detector.settings, photograph.shrunk, name);
      const sharpness = checkSharpness(photograph, face, detector, name);
      const { width, height } = spec;
      const cut = cutOut(photograph, similarityFor(face, detector.settings.crop, spec), width, height);
      const side = photograph.shrunk * sideOf(face);
      return { pixels: await toPlanes(cut.data, spec), face: { score: face.score, side, sharpness } };
    },
    close: () => session.release(),
  };
}

async function sessionOf(file: Uint8Array, what: string): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(file, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  } catch (cause) {
    throw new PipelineError('MODEL_INVALID', `faces: ${what} does not run: ${(cause as Error).message}`, { cause });
  }
}

async function look(
  session: InferenceSession,
  { width, height, settings }: FaceFile,
  photograph: Photograph,
  what: string,
): Promise<Face[]> {
  for (const room of ROOMS) {
    const { pixels, placement } = await placed(photograph, width, height, room, what);
    const { faces } = await session.run({ images: new Tensor('float32', pixels, [1, 3, height, width]) });
    const rows = faces?.data;
    if (!(rows instanceof Float32Array) || rows.length % ROW_VALUES !== 0)
      throw new PipelineError('MODEL_INVALID', `faces: the detector gives no rows of ${ROW_VALUES} numbers`);
    const found = merged(facesOf(rows, settings.scoreMin, placement));
    if (found.length > 0) return found;
  }
  return [];
}

/** The photograph in the middle of the detector's input, black around it. Throws IMAGE_BLANK. */
async function placed(
  { data, width, height }: Photograph,
  across: number,
  down: number,
  room: number,
  what: string,
): Promise<{ pixels: Float32Array; placement: Placement }> {
  const scale = Math.min(across / width, down / height) / (1 + 2 * room);
  const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  const picture: ImageSpec = { ...size, channels: 3 };
  const raw = { width, height, channels: 3 } as const;
  const inner = await planesOf(sharp(data, { raw }).resize({ ...size, fit: 'fill' }), picture);
  refuseBlank(inner, picture, what);
  const left = (across - size.width) >> 1;
  const top = (down - size.height) >> 1;
  const pixels = new Float32Array(3 * across * down);
  for (let channel = 0; channel < 3; channel++)
    for (let row = 0; row < size.height; row++) {
      const from = (channel * size.height + row) * size.width;
      pixels.set(inner.subarray(from, from + size.width), (channel * down + top + row) * across + left);
    }
  return { pixels, placement: { scale: size.width / width, left, top } };
}

function checkSharpness(photograph: Photograph, face: Face, { settings }: FaceFile, what: string): number {
  const square = { width: SHARPNESS_SIDE, height: SHARPNESS_SIDE };
  const cut = cutOut(photograph, similarityFor(face, settings.crop, square), SHARPNESS_SIDE, SHARPNESS_SIDE);
  const sharpness = sharpnessOf(cut);
  if (sharpness >= settings.blurMin) return sharpness;
  const figures = `its sharpness is ${sharpness.toFixed(4)}, at least ${settings.blurMin} is needed`;
  throw new PipelineError('FACE_TOO_BLURRED', `${what}: its face is blurred: ${figures}`);
}
