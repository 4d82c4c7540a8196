/**
 * Which kinds of image files are decoded, told from their first bytes: PNG, JPEG and WebP with one picture. The decoder
 * behind images.ts would also read SVG, TIFF, GIF, HEIF and more, at a cost that nobody has bounded. Called by images.ts.
 */

type Head = Buffer<ArrayBufferLike>;
type Kind = readonly [name: string, isOne: (head: Head) => boolean];

/** As far as anything below looks. An SVG may begin with comments; that far libvips looks for its first tag. */
const HEAD_BYTES = 1000;
/** In the flags of a WebP file's first chunk, if that is `VP8X`. */
const WEBP_ANIMATED = 0b10;

const starts = (text: string) => (head: Head) => head.toString('latin1', 0, text.length) === text;
const hasAt = (offset: number, word: RegExp) => (head: Head) => word.test(head.toString('latin1', offset, offset + 4));

const isWebp: Kind[1] = (head) => starts('RIFF')(head) && hasAt(8, /^WEBP/)(head);
const isAnimated: Kind[1] = (head) => hasAt(12, /^VP8X/)(head) && ((head[20] ?? 0) & WEBP_ANIMATED) !== 0;

const isJpeg = starts('\xff\xd8\xff');

const DECODED: readonly Kind[1][] = [starts('\x89PNG\r\n\x1a\n'), isJpeg, isWebp];

/** For the message alone, as is the next: any other file is refused as well. */
const PICTURES: readonly Kind[] = [
  ['a GIF file', starts('GIF8')],
  ['a TIFF file', (head) => /^(II[*+]\0|MM\0[*+])/.test(head.toString('latin1', 0, 4))],
  ['a HEIF or AVIF file', (head) => hasAt(4, /^ftyp/)(head) && /^(he|mi|ms|av)/.test(head.toString('latin1', 8, 10))],
  ['a JPEG XL file', (head) => starts('\xff\x0a')(head) || hasAt(4, /^JXL /)(head)],
  ['a JPEG 2000 file', (head) => starts('\xff\x4f\xff\x51')(head) || hasAt(4, /^jP /)(head)],
  ['a BMP file', (head) => starts('BM')(head) && head.length >= 6 && head.readUInt32LE(2) > 26],
];
const NAMED: readonly Kind[] = [
  ...PICTURES,
  ['an MP4 or another film', hasAt(4, /^ftyp/)],
  ['a PDF file', starts('%PDF')],
  ['a compressed file', starts('\x1f\x8b')],
  ['an SVG file', (head) => head.toString('latin1').toLowerCase().includes('<svg')],
];

/** Whether a file that begins so is a picture, of a kind that is decoded or not. */
export const isPicture = (head: Buffer): boolean =>
  [...DECODED, ...PICTURES.map(([, isOne]) => isOne)].some((isOne) => isOne(head));

/**
 * Passes over the picture in one progressive JPEG. Encoders make about ten. A file of 0.5 MB with 882 of them kept the
 * decoder busy for 34 s, and its own time limit is not looked at on the way.
 */
const JPEG_SCANS_MAX = 32;

/** In words: why the file is not decoded; null if it may be tried. */
export function refusedFormat(bytes: Uint8Array): string | null {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEAD_BYTES));
  if (isWebp(head) && isAnimated(head)) return 'an animated WebP file';
  if (isJpeg(head) && jpegScans(bytes) > JPEG_SCANS_MAX) return `a JPEG file of more than ${JPEG_SCANS_MAX} scans`;
  if (DECODED.some((isOne) => isOne(head))) return null;
  return NAMED.find(([, isOne]) => isOne(head))?.[0] ?? 'no PNG, JPEG or WebP file';
}

/** Those of the file's own picture: previews inside of segments, and pictures behind its end, are not decoded. */
function jpegScans(bytes: Uint8Array): number {
  let scans = 0;
  let at = bytes.indexOf(0xff, 2);
  while (at !== -1 && at + 3 < bytes.length && bytes[at + 1] !== JPEG.end) {
    const marker = bytes[at + 1]!;
    if (marker === JPEG.scan) scans += 1;
    // Zero follows a 255 of the picture's data; a 255 fills; restarts stand alone. All others say how long they are.
    const isAlone = marker === 0xff || marker === 0 || (marker >= JPEG.restarts && marker < JPEG.restarts + 8);
    const length = isAlone ? 0 : bytes[at + 2]! * 256 + bytes[at + 3]!;
    at = bytes.indexOf(0xff, marker === 0xff ? at + 1 : at + 2 + length);
  }
  return scans;
}

/** Markers: the byte after a 255. */
const JPEG = { scan: 0xda, end: 0xd9, restarts: 0xd0 } as const;
