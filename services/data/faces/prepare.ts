/**
 * The one way in which a photograph becomes a model's input: the face in it where the pipeline looks for faces, else the
 * whole picture brought to the model's size. Collector and replica both call this.
 */
import type { ImageSpec } from '../../../contracts/dataset.ts';
import { decodeImage, refuseBlank } from '../images.ts';
import type { Faces } from './face-threads.ts';

/**
 * Pixels [channels, height, width], 0..255. `faces`: null if pictures are taken whole. Throws IMAGE_TOO_LARGE,
 * IMAGE_UNREADABLE, IMAGE_BLANK, and what `faces` throws; `what` names the image in the message.
 */
export async function prepareImage(
  bytes: Uint8Array,
  spec: ImageSpec,
  faces: Faces | null,
  what: string,
  deadlineMs?: number,
): Promise<Uint8Array> {
  if (faces) return (await faces.find(bytes, spec, what, deadlineMs)).pixels;
  const pixels = await decodeImage(bytes, spec, what);
  refuseBlank(pixels, spec, what);
  return pixels;
}
