/**
 * The people of a folder: one folder for each, named by the person, with images in it and in folders below. Content
 * decides what is an image; whatever else lies there is counted by its kind, and what cannot be looked at is told. In
 * natural order (`2.png` before `10.png`), which is the same on every machine. Called by directory-source.ts, and by
 * tools that read such folders.
 */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { isPicture } from './image-format.ts';
import { inTime, kindOf, readFirst, Unavailable, whyOf } from './read-file.ts';
import type { SourceFault } from './strategy.ts';

export interface FoundFile {
  /** `label/file`, `label/folder/file`. */
  readonly id: string;
  readonly path: string;
}

export interface PersonFolder {
  readonly label: string;
  readonly files: readonly FoundFile[];
}

export interface FoundPeople {
  readonly people: readonly PersonFolder[];
  readonly faults: readonly SourceFault[];
  /** By kind, such as `.txt file`. */
  readonly passedOver: Readonly<Record<string, number>>;
}

/** Whatever is inside: such a file is meant to be a picture, so one that cannot be decoded is quarantined. */
const IMAGE_EXTENSIONS = new Set(
  '.png .jpg .jpeg .jpe .jfif .webp .avif .heic .heif .gif .tif .tiff .pgm .bmp .jp2 .jxl'.split(' '),
);
/** A file of tags beside an image: `1.png.json`. */
const SIDECAR = '.json';
/** Below a person's folder. Deeper ones are counted. */
const DEPTH_MAX = 8;
/** Any other ending may be a part of somebody's name. */
const KNOWN_KINDS = new Set(
  '.txt .md .json .xml .csv .tsv .log .ini .db .pdf .doc .docx .xls .xlsx .zip .gz .tar .mp4 .mov .avi .mp3 .html .svg .raw .psd'.split(
    ' ',
  ),
);
/** As far as the kind of a file shows. */
const HEAD_BYTES = 1000;

/** A walk under way. */
interface Walk {
  readonly signal: AbortSignal | undefined;
  readonly faults: SourceFault[];
  readonly passedOver: Map<string, number>;
}

/** Throws Unavailable if the folder itself cannot be read, or the signal's reason. */
export async function findPeople(path: string, signal?: AbortSignal): Promise<FoundPeople> {
  const walk: Walk = { signal, faults: [], passedOver: new Map() };
  const people: PersonFolder[] = [];
  for (const entry of await entriesOf(path)) {
    const label = entry.name;
    const kind = await folderOrNot(entry, join(path, label));
    if (kind !== 'folder') noteLoose(walk, label, kind);
    else if (label.startsWith('.')) count(walk, 'hidden folder');
    else {
      const faults = walk.faults.length;
      const files = await imagesIn(walk, { label, seen: new Set() }, join(path, label), label, 0);
      if (files.length === 0 && walk.faults.length === faults) count(walk, 'folder without an image');
      people.push({ label, files });
    }
  }
  return {
    people,
    faults: walk.faults,
    passedOver: Object.fromEntries([...walk.passedOver].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** People and the paths of their pictures, for tools that read such a folder. Throws Unavailable. */
export async function listPeople(
  path: string,
): Promise<{ readonly label: string; readonly files: readonly string[] }[]> {
  const { people } = await findPeople(path);
  return people.map(({ label, files }) => ({ label, files: files.map((file) => file.path) }));
}

/** Beside the people's folders: whatever could be a person's is a fault, and any other file is counted. */
function noteLoose(walk: Walk, name: string, kind: 'file' | Unavailable): void {
  if (kind === 'file') return count(walk, name.startsWith('.') ? 'hidden file' : `file outside of a folder`);
  walk.faults.push({ id: name, label: name, fault: 'unavailable', message: `${name}: ${whyOf(name, kind)}` });
}

interface Person {
  readonly label: string;
  /** Real paths of the folders that were read: links may lead back, or from each of many folders to each other one. */
  readonly seen: Set<string>;
}

async function imagesIn(walk: Walk, person: Person, folder: string, id: string, depth: number): Promise<FoundFile[]> {
  walk.signal?.throwIfAborted();
  const { label, seen } = person;
  const fault = (what: string, why: Unavailable) =>
    void walk.faults.push({ id: what, label, fault: 'unavailable', message: `${what}: ${whyOf(what, why)}` });
  const listed = await orUnavailable(async () => ({
    entries: await entriesOf(folder),
    real: await inTime(realpath(folder)),
  }));
  if (listed instanceof Unavailable) {
    fault(id, listed);
    return [];
  }
  const { entries, real } = listed;
  if (seen.has(real) || depth >= DEPTH_MAX) {
    count(walk, seen.has(real) ? 'link to a folder that was read' : `folder below ${DEPTH_MAX} others`);
    return [];
  }
  seen.add(real);
  const names = new Set(entries.map(({ name }) => name));
  const found: FoundFile[] = [];
  for (const entry of entries) {
    const [path, ownId] = [join(folder, entry.name), `${id}/${entry.name}`];
    const kind = await folderOrNot(entry, path);
    if (entry.name.startsWith('.')) count(walk, kind === 'folder' ? 'hidden folder' : 'hidden file');
    else if (kind === 'folder') found.push(...(await imagesIn(walk, person, path, ownId, depth + 1)));
    else if (kind !== 'file') fault(ownId, kind);
    else if (!isSidecar(entry.name, names)) {
      const judged = await looksLikePicture(path);
      if (judged === true) found.push({ id: ownId, path });
      else if (judged === false) count(walk, kindOfName(entry.name));
      else fault(ownId, judged);
    }
  }
  return found;
}

/** Of a file in a folder, or of a key in a bucket, among its neighbours. */
export const isSidecar = (name: string, names: ReadonlySet<string>) =>
  name.endsWith(SIDECAR) && names.has(name.slice(0, -SIDECAR.length));

/** Its name says so, or its first bytes. */
async function looksLikePicture(path: string): Promise<boolean | Unavailable> {
  if (judgedByName(path) === 'picture') return true;
  return orUnavailable(async () => isPicture(await readFirst(path, HEAD_BYTES)));
}

const entriesOf = async (folder: string): Promise<Dirent[]> =>
  (await inTime(readdir(folder, { withFileTypes: true }))).sort((a, b) => naturally(a.name, b.name));

/** Follows links. */
async function folderOrNot(entry: Dirent, path: string): Promise<'folder' | 'file' | Unavailable> {
  if (entry.isDirectory()) return 'folder';
  if (entry.isFile()) return 'file';
  if (!entry.isSymbolicLink()) return new Unavailable(`${kindOf(entry)}, no file`);
  return orUnavailable(async () => {
    const target = await inTime(stat(path));
    if (target.isDirectory()) return 'folder';
    return target.isFile() ? 'file' : new Unavailable(`${kindOf(target)}, no file`);
  });
}

async function orUnavailable<T>(work: () => Promise<T>): Promise<T | Unavailable> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Unavailable) return error;
    throw error;
  }
}

/** A picture, of a kind that is none, or unknown: then its content has to be looked at. */
export function judgedByName(name: string): string {
  if (IMAGE_EXTENSIONS.has(extname(name).toLowerCase())) return 'picture';
  const kind = kindOfName(name);
  return kind === OTHER ? 'unknown' : kind;
}

const OTHER = 'other file';

function kindOfName(name: string): string {
  const extension = extname(name).toLowerCase();
  return KNOWN_KINDS.has(extension) ? `${extension} file` : OTHER;
}

const count = ({ passedOver }: Walk, kind: string) => void passedOver.set(kind, (passedOver.get(kind) ?? 0) + 1);

// A fixed locale, and code units where it sees no difference: the same order on every machine.
const collator = new Intl.Collator('en', { numeric: true });
export const naturally = (a: string, b: string) => collator.compare(a, b) || (a < b ? -1 : 1);
