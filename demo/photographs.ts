/**
 * The photographs behind the demo's data services, drawn or read when first asked for and kept from then on. Each
 * person's photographs fall into those that are served (to be trained on) and those held back as live probes.
 */
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { PipelineError } from '../contracts/errors.ts';
import { listPeople } from '../services/data/people-folder.ts';
import { renderFace } from './people.ts';
import { createRandom } from './random.ts';

export interface Album {
  readonly label: string;
  readonly served: readonly Photograph[];
  /** Never served, so no model has seen them. */
  readonly heldBack: readonly Photograph[];
}

/** Yields the image file; the same bytes at each call. */
export type Photograph = () => Promise<Buffer>;

export interface AlbumSizes {
  /** People in all, the newcomers included; a folder may hold fewer. */
  readonly people: number;
  readonly served: number;
  readonly heldBack: number;
}

/** Larger than a model's input, as a camera's crop would be. */
const FACE_PX = 112;

/** Names for synthetic people: they read better in a demo than numbers. A second round is numbered. */
const NAMES = (
  'Ada Ben Cleo Dara Emil Fay Gus Hana Ivo June Kofi Lena Milo Nora Otis Pia Quinn Rosa Sven Tala Uma Vito Wren Xenia ' +
  'Yuri Zoe Arun Bela Cora Dino Elif Finn Gita Hugo Ines Jonas Kira Luis Mona Nils'
).split(' ');

/** Drawn people; `seed` chooses who they are. */
export function drawnAlbums(sizes: AlbumSizes, seed: number): Album[] {
  return Array.from({ length: sizes.people }, (_, person) => {
    const personSeed = seed * 10_000 + person;
    const shots = Array.from({ length: sizes.served + sizes.heldBack }, (_, shot) =>
      once(() => renderFace(personSeed, shot, FACE_PX)),
    );
    return { label: nameOf(person), served: shots.slice(0, sizes.served), heldBack: shots.slice(sizes.served) };
  });
}

/**
 * At most `sizes.people` people of a folder with one folder each; the last images are held back. Throws CONFIG_INVALID
 * when too few people have enough images.
 */
export async function folderAlbums(folder: string, sizes: AlbumSizes): Promise<Album[]> {
  const people = await listPeople(folder);
  const enough = people.filter(({ files }) => files.length >= sizes.heldBack + SERVED_MIN);
  if (enough.length < PEOPLE_MIN)
    throw new PipelineError(
      'CONFIG_INVALID',
      `demo: ${folder} holds ${enough.length} people with at least ${sizes.heldBack + SERVED_MIN} images; ` +
        `at least ${PEOPLE_MIN} are needed, one folder per person`,
    );
  return enough.slice(0, sizes.people).map(({ label, files }) => {
    const shots = files.map((file) => once(() => readFile(file)));
    const rest = shots.length - sizes.heldBack;
    return { label, served: shots.slice(0, Math.min(rest, sizes.served)), heldBack: shots.slice(rest) };
  });
}

/** Pixels of a wall before it is enlarged to a photograph: its grain is coarse. */
const WALL_PX = 28;

/** A picture without a face: a wall in changing light, as a camera takes it that fires at nothing. */
export function emptyStreet(shot: number): Promise<Buffer> {
  const random = createRandom(shot, 0x57ee7);
  const slope = { x: random.between(-1, 1), y: random.between(-1, 1), level: random.between(80, 180) };
  const pixels = Uint8Array.from({ length: WALL_PX * WALL_PX }, (_, at) => {
    const [x, y] = [(at % WALL_PX) / WALL_PX, Math.floor(at / WALL_PX) / WALL_PX];
    return slope.level + 60 * (slope.x * (x - 0.5) + slope.y * (y - 0.5)) + random.between(-12, 12);
  });
  const wall = sharp(pixels, { raw: { width: WALL_PX, height: WALL_PX, channels: 1 } });
  return wall.resize(FACE_PX, FACE_PX).jpeg().toBuffer();
}

/** Fewer people are told apart by chance, and fewer images teach nothing that a probe could show. */
const PEOPLE_MIN = 6;
const SERVED_MIN = 4;

function nameOf(person: number): string {
  const name = NAMES[person % NAMES.length] ?? 'Nobody';
  return person < NAMES.length ? name : `${name} ${Math.floor(person / NAMES.length) + 1}`;
}

function once(make: Photograph): Photograph {
  let made: Promise<Buffer> | null = null;
  return () => (made ??= make());
}
