/**
 * The data services of the demo, Auth, Helper and Street, as real HTTP servers on loopback ports in the page format of
 * services/data/http-source.ts. Auth knows half of the staff, Helper the rest and, once they are enrolled, the
 * newcomers. Street has people who are never enrolled, by whom the thresholds are set. The demo steers them: enrol people
 * overnight, or spoil the data to see a run rejected.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SamplePage } from '../services/data/http-page.ts';
import { drawnAlbums, emptyStreet, folderAlbums, type Album, type Photograph } from './photographs.ts';
import { createRandom } from './random.ts';

export interface DataServicesOptions {
  /** Real faces, one folder per person; null draws synthetic people. */
  readonly folder: string | null;
  /** People known from the start. */
  readonly people?: number | undefined;
  /** People whom `enrolNewPeople` adds. */
  readonly newPeople?: number | undefined;
  /** People who are never enrolled: three fifths of them set the thresholds, the others come to the door. */
  readonly strangers?: number | undefined;
  /** Photographs of each person that are served. */
  readonly shotsPerPerson?: number | undefined;
  /** Photographs of each person that are held back. */
  readonly probesPerPerson?: number | undefined;
  readonly seed?: number | undefined;
}

export interface DataServices {
  readonly auth: { readonly url: string };
  readonly helper: { readonly url: string };
  readonly street: { readonly url: string };
  /** Labels of those known from the start, and of those who come later. */
  readonly people: readonly string[];
  readonly newPeople: readonly string[];
  /** From now on Helper serves the newcomers too. */
  enrolNewPeople(): void;
  /** While on, every photograph is served under the label of someone else, always the same one. */
  shuffleLabels(on: boolean): void;
  /** Photographs of a person that are never served: what the door's camera would see. */
  liveProbes(label: string): readonly Buffer[];
  /** Photographs of strangers whom no service serves. */
  readonly liveStrangers: readonly Buffer[];
  /** While on, Street serves pictures with nobody in them. */
  emptyStreet(on: boolean): void;
  close(): Promise<void>;
}

/** Large enough that a small net learns in seconds, small enough that it does. The folder's fit the ORL faces. */
const DRAWN = { people: 24, newPeople: 6, strangers: 100, shotsPerPerson: 12, probesPerPerson: 4 } as const;
const FOLDER = { people: 24, newPeople: 4, strangers: 12, shotsPerPerson: 8, probesPerPerson: 2 } as const;
/** Of each stranger: many people say more than many pictures. */
const STRANGER_SHOTS = 3;
/** Share of the strangers whom Street serves. */
const STREET_SHARE = 0.6;

/** A client that asks for more gets this many: a page is built in memory. */
const PAGE_SAMPLES_MAX = 200;

/** The services as a pipeline's configuration names them. */
export const sourcesOf = ({ auth, helper, street }: DataServices) => ({
  sources: [
    { type: 'http' as const, name: 'auth', url: auth.url },
    { type: 'http' as const, name: 'helper', url: helper.url },
  ],
  strangers: [{ type: 'http' as const, name: 'street', url: street.url }],
});

/** Throws CONFIG_INVALID when the folder has too few people or images. */
export async function startDataServices(options: DataServicesOptions): Promise<DataServices> {
  const { albums, strangers } = await openAlbums(options);
  const known = albums.slice(0, albums.length - Math.min(newcomersOf(options), Math.floor(albums.length / 3)));
  const newcomers = albums.slice(known.length);
  const probes = await developProbes(albums);
  const onTheStreet = strangers.slice(0, Math.ceil(STREET_SHARE * strangers.length));
  const atTheDoor = await developProbes(strangers.slice(onTheStreet.length));
  const half = Math.ceil(known.length / 2);
  const state = { enrolled: false, shuffled: false, empty: false };
  const present = () => (state.enrolled ? albums : known);
  const labelsFor = (entries: readonly Entry[]) =>
    state.shuffled ? entries.map((entry) => someoneElse(entry, present(), options.seed ?? 1)) : entries;
  const auth = await serve('auth', () => labelsFor(entriesOf(known.slice(0, half))));
  const helper = await serve('helper', () => labelsFor(entriesOf(present().slice(half))));
  const street = await serve('street', () => (state.empty ? withNobody : (it: Entry[]) => it)(entriesOf(onTheStreet)));
  return {
    auth,
    helper,
    street,
    people: known.map(({ label }) => label),
    newPeople: newcomers.map(({ label }) => label),
    enrolNewPeople: () => void (state.enrolled = true),
    shuffleLabels: (on) => void (state.shuffled = on),
    emptyStreet: (on) => void (state.empty = on),
    liveProbes: (label) => probesOf(probes, label),
    liveStrangers: [...atTheDoor.values()].flat(),
    close: async () => void (await Promise.all([auth, helper, street].map((service) => service.close()))),
  };
}

interface Entry {
  readonly id: string;
  readonly label: string;
  readonly photograph: Photograph;
}

const defaultsOf = ({ folder }: DataServicesOptions) => (folder === null ? DRAWN : FOLDER);
const newcomersOf = (options: DataServicesOptions) => options.newPeople ?? defaultsOf(options).newPeople;

/** The staff with the newcomers, and the strangers: other people than these. */
async function openAlbums(options: DataServicesOptions): Promise<{ albums: Album[]; strangers: Album[] }> {
  const defaults = defaultsOf(options);
  const wanted = options.strangers ?? defaults.strangers;
  const sizes = {
    people: (options.people ?? defaults.people) + newcomersOf(options),
    served: options.shotsPerPerson ?? defaults.shotsPerPerson,
    heldBack: options.probesPerPerson ?? defaults.probesPerPerson,
  };
  if (options.folder === null) {
    const seed = options.seed ?? 1;
    const drawn = drawnAlbums({ people: wanted, served: STRANGER_SHOTS, heldBack: 1 }, seed + STRANGERS_SEED);
    // Names of the staff would be taken for people of the staff.
    const strangers = drawn.map((album, index) => ({ ...album, label: `stranger ${index + 1}` }));
    return { albums: drawnAlbums(sizes, seed), strangers };
  }
  const all = await folderAlbums(options.folder, { ...sizes, people: sizes.people + wanted });
  const staff = Math.min(sizes.people, all.length - Math.min(wanted, Math.floor(all.length / 3)));
  return { albums: all.slice(0, staff), strangers: all.slice(staff) };
}

/** Far from any seed that a demo is given: other seeds draw other people. */
const STRANGERS_SEED = 5_000;

/** The same photographs by number, with nobody in them. */
const withNobody = (entries: readonly Entry[]): Entry[] =>
  entries.map((entry, index) => ({ ...entry, photograph: () => emptyStreet(index) }));

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
