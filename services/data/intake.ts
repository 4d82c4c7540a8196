/**
 * First half of a collection: one source's samples are decoded, resized (or their faces cut out) and appended to a spool file, and what is
 * kept in memory is a small record of each (about 600 bytes). Nothing here looks at two samples at once: duplicates,
 * splits and shards are resolved afterwards (resolve.ts), so it does not matter which source is faster.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { PipelineError, type ErrorCode } from '../../contracts/errors.ts';
import type { ImageSpec, Quarantined } from '../../contracts/dataset.ts';
import type { Faces } from './faces/face-threads.ts';
import { prepareImage } from './faces/prepare.ts';
import { decodeImage, encodePng } from './images.ts';
import { createLookShelf } from './look.ts';
import { pictureOf } from './picture.ts';
import { NAME_LENGTH_MAX, personName, wrongName } from '../../contracts/person-name.ts';
import { NO_NAME } from '../forgetting/name.ts';
import { mapInOrder } from '../../runtime/bounded.ts';
import type { DataSource, PassedOver, SourceFault, SourceItem, SourceSample } from './strategy.ts';
import { wrongTags } from './tags.ts';

/** Where a PNG of the model's size lies in the spool file. */
export interface Place {
  readonly offset: number;
  readonly bytes: number;
}

export interface StoredSample extends Place {
  readonly id: string;
  readonly label: string;
  /** How the source spells the name, where that is not the name's form. */
  readonly spelled?: string;
  /** sha256:<hex> of the pixels, and how they look: picture.ts. */
  readonly digest: string;
  readonly look: Uint8Array;
  /** sha256:<hex> of the file as the source delivered it. */
  readonly file: string;
  readonly tags: readonly string[];
  /** Mean of its values, 0..255. */
  readonly grey: number;
}
/** With the place of its picture in the spool file, if it could be decoded: for people to look at. */
export type RefusedSample = Pick<Quarantined, 'id' | 'label' | 'reason' | 'message'> & Partial<Place>;
export type IntakeRecord = StoredSample | RefusedSample;

export interface Intake {
  readonly name: string;
  readonly type: string;
  readonly spoolPath: string;
  /** In the source's order. */
  readonly records: readonly IntakeRecord[];
  readonly passedOver: PassedOver['passedOver'];
  /** How many samples it announced, the last time that it did. */
  readonly announced: number | null;
}

export interface IntakeOptions {
  readonly image: ImageSpec;
  /** Null if pictures are taken whole. */
  readonly faces: Faces | null;
  readonly spoolPath: string;
  readonly signal: AbortSignal;
  /** Since when a person is forgotten; null if they are not. */
  readonly forgottenSince?: ((label: string) => string | null) | undefined;
  /** Called for each sample when it has left memory, with the source's own count of all, if it has one. */
  readonly taken: (record: IntakeRecord, total: number | undefined) => void;
}

/** Samples of one source in memory at once; enough to keep all decoder threads of a usual machine at work. */
export const SAMPLES_HELD_MAX = 8;
/** Ends a source that never ends (a cursor that runs in a circle). Records of so many samples take about 6 GB. */
const SAMPLES_MAX = 10_000_000;
/** Decoders report every broken scan line; the first lines say enough. */
const MESSAGE_LENGTH_MAX = 300;

/** Errors of one sample, the others go on. */
const REASONS: Readonly<Partial<Record<ErrorCode, Quarantined['reason']>>> = {
  ...{ IMAGE_UNREADABLE: 'unreadable', IMAGE_TOO_LARGE: 'too-large', IMAGE_BLANK: 'blank' },
  // It may be a good one: a person looks at the source, or at the limit.
  MEMORY_FULL: 'unavailable',
  ...{ FACE_NOT_FOUND: 'no-face', FACES_SEVERAL: 'several-faces' },
  ...{ FACE_TOO_SMALL: 'too-small', FACE_TOO_BLURRED: 'too-blurred' },
};

/** Its picture lies in the spool file. */
export const isPlaced = (record: IntakeRecord): record is IntakeRecord & Place => 'offset' in record;
export const isStored = (record: IntakeRecord): record is StoredSample => 'digest' in record;

/**
 * Throws what the source throws, SOURCE_INVALID for an endless one, HOST_FAILED if no face can be looked for, and the
 * signal's reason after its abort.
 */
export async function takeIn(source: DataSource, options: IntakeOptions): Promise<Intake> {
  const { spoolPath, signal, taken } = options;
  const records: IntakeRecord[] = [];
  let passedOver: PassedOver['passedOver'] = {};
  let announced: number | null = null;
  const shelf = createLookShelf();
  const onShelf = (record: IntakeRecord) => (isStored(record) ? { ...record, look: shelf(record.look) } : record);
  const spool = await open(spoolPath, 'wx');
  try {
    let offset = 0;
    const judge = (item: SourceItem) => judgeItem(item, source.name, options);
    for await (const judged of mapInOrder(source.samples(signal), SAMPLES_HELD_MAX, judge)) {
      signal.throwIfAborted();
      if ('passedOver' in judged) {
        passedOver = added(passedOver, judged.passedOver);
        continue;
      }
      const { total, png, record } = judged;
      announced = total ?? announced;
      if (records.length === SAMPLES_MAX) throw endless(source.name);
      if (png) await spool.appendFile(png);
      const placed = png ? { ...onShelf(record), offset, bytes: png.length } : record;
      offset += png?.length ?? 0;
      records.push(placed);
      taken(placed, total);
    }
    signal.throwIfAborted();
  } finally {
    await spool.close();
  }
  return { name: source.name, type: source.type, spoolPath, records, passedOver, announced };
}

const FORGOTTEN = { id: NO_NAME, label: NO_NAME, reason: 'forgotten' } as const;

interface Judged {
  readonly total: number | undefined;
  /** Null where the picture of a refused sample could not be decoded. */
  readonly png: Buffer | null;
  /** Offset 0 until its place is known. */
  readonly record: IntakeRecord;
}

type JudgeOptions = Pick<IntakeOptions, 'image' | 'faces' | 'forgottenSince'>;

async function judgeItem(item: SourceItem, source: string, options: JudgeOptions): Promise<Judged | PassedOver> {
  return 'passedOver' in item ? item : judgeSample(item, source, options);
}

async function judgeSample(
  item: SourceSample | SourceFault,
  source: string,
  { image, faces, forgottenSince }: JudgeOptions,
): Promise<Judged> {
  const { id, label, total } = item;
  const since = forgottenSince?.(label) ?? null;
  // The one refusal that names neither the person nor the picture.
  if (since !== null)
    return { total, png: null, record: { ...FORGOTTEN, message: `${source}: forgotten since ${since}` } };
  const refuse = (reason: Quarantined['reason'], message: string): Judged => {
    const short = { label: label.slice(0, NAME_LENGTH_MAX), message: message.slice(0, MESSAGE_LENGTH_MAX) };
    return { total, png: null, record: { id, reason, ...short } };
  };
  if ('fault' in item) return refuse(item.fault, `${source}/${item.message}`);
  const { bytes, tags = [] } = item;
  const what = `${source}/${id}`;
  const wrong = wrongName(label);
  if (wrong) return refuse('invalid-label', `${what}: ${wrong}`);
  const wrongTag = wrongTags(tags);
  if (wrongTag) return refuse('invalid-tags', `${what}: ${wrongTag}`);
  try {
    const pixels = await prepareImage(bytes, image, faces, what);
    const png = await encodePng(pixels, image);
    const grey = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
    const file = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const { digest, look } = await pictureOf(bytes, what);
    const name = personName(label);
    const person = { label: name, ...(name !== label && { spelled: label }) };
    const place = { grey, offset: 0, bytes: png.length };
    return { total, png, record: { id, ...person, digest, look, file, tags: [...new Set(tags)], ...place } };
  } catch (error) {
    const reason = error instanceof PipelineError ? REASONS[error.code] : undefined;
    if (reason === undefined) throw error;
    const refused = refuse(reason, (error as PipelineError).message);
    return DECODED.includes(reason) ? { ...refused, png: await wholePng(bytes, image, what) } : refused;
  }
}

/** Such a picture is one, and people can see why it was refused. */
const DECODED: readonly Quarantined['reason'][] = ['blank', 'no-face', 'several-faces', 'too-small', 'too-blurred'];

const wholePng = async (bytes: Uint8Array, image: ImageSpec, what: string): Promise<Buffer> =>
  encodePng(await decodeImage(bytes, image, what), image);

function added(before: PassedOver['passedOver'], more: PassedOver['passedOver']): PassedOver['passedOver'] {
  const sums = Object.entries(more).map(([kind, count]) => [kind, (before[kind] ?? 0) + count]);
  return { ...before, ...Object.fromEntries(sums) };
}

const endless = (name: string) =>
  new PipelineError('SOURCE_INVALID', `source "${name}": more than ${SAMPLES_MAX} samples; does it ever end?`);
