/**
 * Decodes HEIC files by libheif, compiled to WebAssembly: a file that is made to break the decoder reaches nothing outside of
 * it, and heic.ts ends the thread if it takes too long.
 */
import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';
import type { HeicAnswer, HeicQuestion } from './heic.messages.ts';

/** Of the library, what is used here. */
interface HeifImage {
  get_width(): number;
  get_height(): number;
  display(target: Pixels, done: (pixels: Pixels | null) => void): void;
  free(): void;
}
interface Pixels {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}
interface Library {
  readonly HeifDecoder: new () => { decode(bytes: Uint8Array): HeifImage[] };
}
// Its own types describe another of its entry points.
const { HeifDecoder } = createRequire(import.meta.url)('libheif-js/wasm-bundle.js') as Library;

// It prints what it thinks of a file; the answer has all that anybody needs.
console.log = console.error = () => {};

parentPort!.on('message', (question: HeicQuestion) => {
  // A rejection ends this thread, and the next file gets another.
  void decoded(question).then((answer) => parentPort!.postMessage(answer));
});

async function decoded({ bytes, pixelsMax }: HeicQuestion): Promise<HeicAnswer> {
  const [image, ...others] = new HeifDecoder().decode(bytes);
  if (!image) return { failure: 'unreadable', message: 'no HEIC file that can be decoded' };
  try {
    const [width, height] = [image.get_width(), image.get_height()];
    if (width * height > pixelsMax)
      return { failure: 'too-large', message: `${width * height} pixels; at most ${pixelsMax} are read` };
    const pixels = await displayed(image, width, height);
    if (pixels === null) return { failure: 'unreadable', message: 'a HEIC file that is broken or cut off' };
    return { rgba: pixels.data, width, height };
  } finally {
    for (const it of [image, ...others]) it.free();
  }
}

const displayed = (image: HeifImage, width: number, height: number) =>
  new Promise<Pixels | null>((resolve) => {
    image.display({ data: new Uint8ClampedArray(width * height * 4), width, height }, resolve);
  });
