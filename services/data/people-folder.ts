/**
 * The people of a folder: one folder for each, named by the person, with images in it and in folders below. Content
 * decides what is an image; whatever else lies there is counted by its kind, and what cannot be looked at is told. In
 * natural order (`2.png` before `10.png`), which is the same on every machine. Called by directory-source.ts, and by
 * tools that read such folders.
 */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { isPicture } from './image-format.ts';
import { inTime, kindOf, readFirst, Unavailable } from './read-file.ts';
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
  readonly faults: SourceFault[];
  readonly passedOver: Map<string, number>;
}

/** Throws Unavailable if the folder itself cannot be read. */
export async function findPeople(path: string): Promise<FoundPeople> {
  const walk: Walk = { faults: [], passedOver: new Map() };
  const people: PersonFolder[] = [];
  for (const entry of await entriesOf(path)) {
    const label = entry.name;
    const kind = await folderOrNot(entry, join(path, label));
    if (kind !== 'folder') noteLoose(walk, label, kind);
    else if (label.startsWith('.')) count(walk, 'hidden folder');
    else people.push({ label, files: await imagesIn(walk, label, join(path, label), label, new Set()) });
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
  walk.faults.push({ id: name, label: name, fault: 'unavailable', message: `${name}: ${kind.message}` });
}

/** `seen`: the real paths of the folders above, so that a link to one of them ends. */
async function imagesIn(
  walk: Walk,
  label: string,
  folder: string,
  id: string,
  seen: ReadonlySet<string>,
): Promise<FoundFile[]> {
  const fault = (what: string, { message }: Unavailable) =>
    void walk.faults.push({ id: what, label, fault: 'unavailable', message: `${what}: ${message}` });
  const listed = await orUnavailable(async () => ({
    entries: await entriesOf(folder),
    real: await inTime(realpath(folder)),
  }));
  if (listed instanceof Unavailable) {
    fault(id, listed);
    return [];
  }
  const { entries, real } = listed;
  if (seen.has(real) || seen.size >= DEPTH_MAX) {
    count(walk, seen.has(real) ? 'link to a folder above it' : `folder below ${DEPTH_MAX} others`);
    return [];
  }
  const names = new Set(entries.map(({ name }) => name));
  const found: FoundFile[] = [];
  for (const entry of entries) {
    const [path, ownId] = [join(folder, entry.name), `${id}/${entry.name}`];
    const kind = await folderOrNot(entry, path);
    if (entry.name.startsWith('.')) count(walk, kind === 'folder' ? 'hidden folder' : 'hidden file');
    else if (kind === 'folder') found.push(...(await imagesIn(walk, label, path, ownId, new Set([...seen, real]))));
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

const isSidecar = (name: string, names: ReadonlySet<string>) =>
  name.endsWith(SIDECAR) && names.has(basename(name, SIDECAR));

/** Its name says so, or its first bytes. */
async function looksLikePicture(path: string): Promise<boolean | Unavailable> {
  if (IMAGE_EXTENSIONS.has(extname(path).toLowerCase())) return true;
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

function kindOfName(name: string): string {
  const extension = extname(name).toLowerCase();
  return KNOWN_KINDS.has(extension) ? `${extension} file` : 'other file';
}

const count = ({ passedOver }: Walk, kind: string) => void passedOver.set(kind, (passedOver.get(kind) ?? 0) + 1);

// A fixed locale, and code units where it sees no difference: the same order on every machine.
const collator = new Intl.Collator('en', { numeric: true });
const naturally = (a: string, b: string) => collator.compare(a, b) || (a < b ? -1 : 1);
