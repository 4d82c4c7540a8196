/**
 * The two data services of the demo, Auth and Helper, as real HTTP servers on loopback ports in the page format of
 * services/data/http-source.ts. Auth knows half of the staff, Helper the rest and, once they are enrolled, the
 * newcomers. The demo steers them: enrol people overnight, or spoil the labels to see a run rejected.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SamplePage } from '../services/data/http-source.ts';
import { drawnAlbums, folderAlbums, type Album, type Photograph } from './photographs.ts';
import { createRandom } from './random.ts';

export interface DataServicesOptions {
  /** Real faces, one folder per person; null draws synthetic people. */
  readonly folder: string | null;
  /** People known from the start. */
  readonly people?: number | undefined;
  /** People whom `enrolNewPeople` adds. */
  readonly newPeople?: number | undefined;
  /** Photographs of each person that are served. */
  readonly shotsPerPerson?: number | undefined;
  /** Photographs of each person that are held back. */
  readonly probesPerPerson?: number | undefined;
  readonly seed?: number | undefined;
}

export interface DataServices {
  readonly auth: { readonly url: string };
  readonly helper: { readonly url: string };
  /** Labels of those known from the start, and of those who come later. */
  readonly people: readonly string[];
  readonly newPeople: readonly string[];
  /** From now on Helper serves the newcomers too. */
  enrolNewPeople(): void;
  /** While on, every photograph is served under the label of someone else, always the same one. */
  shuffleLabels(on: boolean): void;
  /** Photographs of a person that are never served: what the door's camera would see. */
  liveProbes(label: string): readonly Buffer[];
  close(): Promise<void>;
}

/** Large enough that a small net learns in seconds, small enough that it does. The folder's fit the ORL faces. */
const DRAWN = { people: 24, newPeople: 6, shotsPerPerson: 12, probesPerPerson: 4 } as const;
const FOLDER = { people: 34, newPeople: 6, shotsPerPerson: 8, probesPerPerson: 2 } as const;

/** A client that asks for more gets this many: a page is built in memory. */
const PAGE_SAMPLES_MAX = 200;

/** The two services as a pipeline's configuration names them. */
export const sourcesOf = ({ auth, helper }: DataServices) => [
  { type: 'http' as const, name: 'auth', url: auth.url },
  { type: 'http' as const, name: 'helper', url: helper.url },
];

/** Throws CONFIG_INVALID when the folder has too few people or images. */
export async function startDataServices(options: DataServicesOptions): Promise<DataServices> {
  const albums = await openAlbums(options);
  const known = albums.slice(0, albums.length - Math.min(newcomersOf(options), Math.floor(albums.length / 3)));
  const newcomers = albums.slice(known.length);
  const probes = await developProbes(albums);
  const half = Math.ceil(known.length / 2);
  const state = { enrolled: false, shuffled: false };
  const present = () => (state.enrolled ? albums : known);
  const labelsFor = (entries: readonly Entry[]) =>
    state.shuffled ? entries.map((entry) => someoneElse(entry, present(), options.seed ?? 1)) : entries;
  const auth = await serve('auth', () => labelsFor(entriesOf(known.slice(0, half))));
  const helper = await serve('helper', () => labelsFor(entriesOf(present().slice(half))));
  return {
    auth,
    helper,
    people: known.map(({ label }) => label),
    newPeople: newcomers.map(({ label }) => label),
    enrolNewPeople: () => void (state.enrolled = true),
    shuffleLabels: (on) => void (state.shuffled = on),
    liveProbes: (label) => probesOf(probes, label),
    close: async () => void (await Promise.all([auth.close(), helper.close()])),
  };
}

interface Entry {
  readonly id: string;
  readonly label: string;
  readonly photograph: Photograph;
}

const defaultsOf = ({ folder }: DataServicesOptions) => (folder === null ? DRAWN : FOLDER);
const newcomersOf = (options: DataServicesOptions) => options.newPeople ?? defaultsOf(options).newPeople;

async function openAlbums(options: DataServicesOptions): Promise<Album[]> {
  const defaults = defaultsOf(options);
  const sizes = {
    people: (options.people ?? defaults.people) + newcomersOf(options),
    served: options.shotsPerPerson ?? defaults.shotsPerPerson,
    heldBack: options.probesPerPerson ?? defaults.probesPerPerson,
  };
  return options.folder === null ? drawnAlbums(sizes, options.seed ?? 1) : folderAlbums(options.folder, sizes);
}

const entriesOf = (albums: readonly Album[]): Entry[] =>
  albums.flatMap(({ label, served }) =>
    served.map((photograph, shot) => ({ id: `${label}-${shot + 1}`, label, photograph })),
  );

/** Chosen by seed and id, so that every reading tells the same lie while the same people are enrolled. */
function someoneElse(entry: Entry, albums: readonly Album[], seed: number): Entry {
  const others = albums.map(({ label }) => label).filter((label) => label !== entry.label);
  const random = createRandom(seed, ...Buffer.from(entry.id));
  return { ...entry, label: others[Math.floor(random.between(0, others.length))] ?? entry.label };
}

type Probes = ReadonlyMap<string, readonly Buffer[]>;

/** Made at the start, unlike what is served: a client that sends live traffic cannot wait for a drawing. */
async function developProbes(albums: readonly Album[]): Promise<Probes> {
  const probes = new Map<string, readonly Buffer[]>();
  for (const { label, heldBack } of albums)
    probes.set(label, await Promise.all(heldBack.map((photograph) => photograph())));
  return probes;
}

function probesOf(probes: Probes, label: string): readonly Buffer[] {
  const found = probes.get(label);
  if (!found) throw new Error(`demo: nobody is called ${label}`);
  return found;
}

async function serve(name: string, entries: () => readonly Entry[]): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    answer(request, response, entries()).catch((error: Error) => {
      response.writeHead(500).end(`${name}: ${error.message}`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  // A server that listens on TCP has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/samples`, close: () => end(server) };
}

async function answer(request: IncomingMessage, response: ServerResponse, entries: readonly Entry[]): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const limit = Number(url.searchParams.get('limit') ?? 50);
  const from = Number(url.searchParams.get('cursor') ?? 0);
  if (url.pathname !== '/samples') return void response.writeHead(404).end('ask for /samples');
  if (!(Number.isInteger(limit) && limit > 0 && Number.isInteger(from) && from >= 0))
    return void response.writeHead(400).end('limit and cursor must be what an earlier page named');
  const page = await pageOf(entries, from, Math.min(limit, PAGE_SAMPLES_MAX));
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(page));
}

async function pageOf(entries: readonly Entry[], from: number, limit: number): Promise<SamplePage> {
  const to = from + limit;
  const samples = entries.slice(from, to).map(async ({ id, label, photograph }) => {
    return { id, label, image: (await photograph()).toString('base64') };
  });
  return {
    samples: await Promise.all(samples),
    nextCursor: to < entries.length ? String(to) : null,
    total: entries.length,
  };
}

async function end(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
