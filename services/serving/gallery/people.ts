/**
 * Everybody whom a release knows: the rows of its gallery, with the changes since on top. Rows lie side by side in one
 * matrix; the last one takes the place of one that is removed, so that the search has no holes to step over. Exact: a
 * large gallery's search thread only leaves out rows that cannot be among the best. A resident model has one.
 */
import { setImmediate as othersTurn } from 'node:timers/promises';
import type { Decision, DecisionInForce } from '../../../contracts/decision.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { personName } from '../../../contracts/person-name.ts';
import { decisionFor } from '../../decision/in-force.ts';
import { normalise, type Gallery, type Match } from './gallery.ts';
import { startRowSearch, type RowSearch } from './row-search.ts';

/** A person has the row that the release was built with, and the mean of the images that were enrolled since. */
interface Person {
  readonly name: string;
  readonly rows: number[];
  /** The row of the enrolled images; null without any. `images`: by their digests. */
  enrolled: { row: number; readonly sum: Float32Array; readonly images: Map<string, Sent> } | null;
}

/** Of an enrolled image: who wanted it, and when it was stored. */
export interface Sent {
  readonly by: string;
  readonly at: string;
}

/** A person as all who may are told of them. */
export interface Known {
  readonly name: string;
  /** Rows in all. */
  readonly references: number;
  /** One of them is of the release itself. */
  readonly fromNight: boolean;
  readonly images: ReadonlyMap<string, Sent>;
}

/** Each is embedded again with every new model. */
export const IMAGES_PER_PERSON_MAX = 32;
/** With more, a search takes longer than the model; the matrix of 128 values per row would be 256 MB. */
export const PEOPLE_MAX = 500_000;
const ROWS_MIN = 64;
/** Values of the matrix from which a thread of its own searches: looking at all takes half a millisecond then. */
export const THREAD_VALUES_MIN = 512 * 1024;
/** The row of the release, and that of the enrolled images. */
const ROWS_PER_PERSON = 2;
/** Searches that are begun anew because a row moved meanwhile; then the calling thread looks at all. */
const SEARCHES_MAX = 3;
/** Of an image that came without. */
const UNSAID: Sent = { by: '', at: '' };
/** Taken over without a pause: about two milliseconds of work. */
const ROWS_PER_TURN = 1_000;

/** For the thread that serves: a hundred thousand people are a third of a second of work, done a little at a time. */
export async function loadPeople(gallery: Gallery, dimensions: number): Promise<People> {
  const { labels } = gallery;
  const people = new People({ ...gallery, labels: [] }, dimensions);
  for (let first = 0; first < labels.length; first += ROWS_PER_TURN) {
    people.takeOver(labels.slice(first, first + ROWS_PER_TURN));
    await othersTurn();
  }
  return people;
}

export class People {
  readonly dimensions: number;
  readonly #decision: Decision;
  /** For the number of people in it. */
  #inForce: DecisionInForce;
  /** By their names as the release spells them. */
  readonly #people = new Map<string, Person>();
  /** Form of a name -> other spellings of it, of releases of before 0.6.0. */
  readonly #spelled = new Map<string, Set<string>>();
  /** Row -> the person it is of. */
  readonly #owners: Person[] = [];
  #matrix: Float32Array;
  #thread: RowSearch | null = null;
  /** Changes so far: row numbers of a search that began before the last one may be others' by now. */
  #changes = 0;

  /** Takes the gallery's matrix over. */
  constructor({ labels, embeddings, decision }: Gallery, dimensions: number) {
    this.dimensions = dimensions;
    this.#decision = decision;
    this.#inForce = decisionFor(decision, 0);
    this.#matrix = embeddings;
    this.takeOver(labels);
  }

  /** The next rows of the matrix, behind those that have an owner, are of these people. */
  takeOver(labels: readonly string[]): void {
    if (labels.length === 0) return;
    const first = this.#owners.length;
    for (const name of labels) {
      const person = this.#personOf(name);
      person.rows.push(this.#owners.push(person) - 1);
    }
    this.#changed(first, this.#owners.length);
  }

  get count(): number {
    return this.#people.size;
  }

  /** How it is decided among the people of this moment. */
  get decision(): DecisionInForce {
    if (this.#inForce.people !== this.count) this.#inForce = decisionFor(this.#decision, this.count);
    return this.#inForce;
  }

  /** By this spelling, or by the only other one of the same name. */
  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** All spellings of the name that somebody has here. */
  spellingsOf(name: string): string[] {
    const form = personName(name);
    return [...(this.#people.has(form) ? [form] : []), ...(this.#spelled.get(form) ?? [])];
  }

  /** Everybody at this moment. */
  get names(): readonly string[] {
    return [...this.#people.keys()];
  }

  /** Null if nobody has this very name. */
  known(name: string): Known | null {
    const person = this.#people.get(name);
    if (!person) return null;
    const { rows, enrolled } = person;
    const references = rows.length;
    return { name, references, fromNight: references > (enrolled ? 1 : 0), images: enrolled?.images ?? new Map() };
  }

  /** The images enrolled for the person, by their SHA-256. */
  imagesOf(name: string): ReadonlyMap<string, Sent> {
    return this.#find(name)?.enrolled?.images ?? new Map();
  }

  /** The same image twice counts once. `embedding` has length 1. */
  add(name: string, digest: string, embedding: Float32Array, sent: Sent = UNSAID): void {
    const person = this.#find(name) ?? this.#personOf(name);
    person.enrolled ??= { row: this.#append(person), sum: new Float32Array(this.dimensions), images: new Map() };
    const { row, sum, images } = person.enrolled;
    if (images.has(digest)) return;
    images.set(digest, sent);
    for (let d = 0; d < sum.length; d++) sum[d]! += embedding[d]!;
    const mean = this.#row(row);
    mean.set(sum);
    normalise(mean);
    this.#changed(row);
  }

  /** Takes away all rows of the person, those that the release was built with included. */
  remove(name: string): void {
    const person = this.#find(name);
    if (!person) return;
    this.#people.delete(person.name);
    this.#spelled.get(personName(person.name))?.delete(person.name);
    while (person.rows.length > 0) this.#drop(person, person.rows[0]!);
  }

  /** Cosine with the person's nearest row. Throws PERSON_UNKNOWN. */
  score(name: string, embedding: Float32Array): number {
    const rows = this.#find(name)?.rows;
    if (!rows) throw new PipelineError('PERSON_UNKNOWN', `verify request: "${name}" is not enrolled`);
    return Math.max(...rows.map((row) => this.#scoreOf(row, embedding)));
  }

  /** The `topK` people whose nearest rows are best, best first. */
  async search(embedding: Float32Array, topK: number): Promise<readonly Match[]> {
    const rows = await this.#rowsToLookAt(embedding, topK);
    const best: Match[] = [];
    const count = rows?.length ?? this.#owners.length;
    for (let i = 0; i < count; i++) {
      const row = rows ? rows[i]! : i;
      const score = this.#scoreOf(row, embedding);
      if (best.length === topK && score <= best[topK - 1]!.score) continue;
      insert(best, { person: this.#owners[row]!.name, score }, topK);
    }
    return best;
  }

  /** Ends the thread, if there is one. */
  async close(): Promise<void> {
    await this.#thread?.close();
  }

  /** The rows that may be among the best; null for all. */
  async #rowsToLookAt(embedding: Float32Array, topK: number): Promise<Int32Array | null> {
    for (let i = 0; this.#thread && i < SEARCHES_MAX; i++) {
      const { changes, search } = { changes: this.#changes, search: this.#thread.search };
      const rows = await search(embedding, topK * ROWS_PER_PERSON).catch(() => null);
      if (!rows || this.#changes === changes) return rows;
    }
    return null;
  }

  #startThreadIfLarge(): void {
    const values = this.#owners.length * this.dimensions;
    if (this.#thread || values < THREAD_VALUES_MIN) return;
    this.#thread = startRowSearch(this.dimensions);
    this.#thread.set(0, this.#matrix.subarray(0, values));
  }

  #changed(first: number, end = first + 1): void {
    this.#changes += 1;
    this.#thread?.set(first, this.#matrix.subarray(first * this.dimensions, end * this.dimensions));
    this.#startThreadIfLarge();
  }

  #scoreOf(row: number, embedding: Float32Array): number {
    const matrix = this.#matrix;
    const offset = row * this.dimensions;
    let sum = 0;
    for (let d = 0; d < this.dimensions; d++) sum += matrix[offset + d]! * embedding[d]!;
    return sum;
  }

  /** Of this very spelling; of several others nobody. */
  #find(name: string): Person | undefined {
    const person = this.#people.get(name);
    if (person) return person;
    const [only, ...others] = this.spellingsOf(name);
    return only === undefined || others.length > 0 ? undefined : this.#people.get(only);
  }

  /** Of this very spelling, also if it is new. */
  #personOf(name: string): Person {
    const there = this.#people.get(name);
    if (there) return there;
    const person: Person = { name, rows: [], enrolled: null };
    this.#people.set(name, person);
    const form = personName(name);
    if (form !== name) this.#spelled.set(form, (this.#spelled.get(form) ?? new Set()).add(name));
    return person;
  }

  #row(row: number): Float32Array {
    return this.#matrix.subarray(row * this.dimensions, (row + 1) * this.dimensions);
  }

  /** A new row; the matrix doubles when it is full, so that a row costs the same however many there are. */
  #append(person: Person): number {
    const row = this.#owners.push(person) - 1;
    if (this.#owners.length * this.dimensions > this.#matrix.length) {
      const larger = new Float32Array(Math.max(ROWS_MIN, 2 * row) * this.dimensions);
      larger.set(this.#matrix);
      this.#matrix = larger;
    }
    person.rows.push(row);
    return row;
  }

  /** The last row takes its place. */
  #drop(person: Person, row: number): void {
    person.rows.splice(person.rows.indexOf(row), 1);
    const last = this.#owners.length - 1;
    const mover = this.#owners.pop()!; // There is at least the row that goes.
    this.#changes += 1;
    this.#thread?.truncate(last);
    if (row === last) return;
    this.#row(row).set(this.#row(last));
    this.#changed(row);
    this.#owners[row] = mover;
    mover.rows[mover.rows.indexOf(last)] = row;
    if (mover.enrolled?.row === last) mover.enrolled.row = row;
  }
}

/** A person who is among the best already stays there with the better score. */
function insert(best: Match[], match: Match, topK: number): void {
  const former = best.findIndex(({ person }) => person === match.person);
  if (former !== -1 && best[former]!.score >= match.score) return;
  if (former !== -1) best.splice(former, 1);
  const place = best.findIndex(({ score }) => score < match.score);
  best.splice(place === -1 ? best.length : place, 0, match);
  if (best.length > topK) best.pop();
}
