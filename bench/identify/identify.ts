/**
 * The time of `identify` beyond the model: the search among all people for one embedding, as a replica does it, beside a
 * plain loop over all rows, which also says whether the best were found. The gallery is invented: random directions, and
 * probes near one of them. Called by bench/run.ts.
 */
import Table from 'cli-table3';
import { identify, type Gallery } from '../../services/serving/gallery/gallery.ts';
import { loadPeople } from '../../services/serving/gallery/people.ts';
import { DECISION } from '../support/decision.ts';

export interface IdentifyOptions {
  readonly people: readonly number[];
  readonly dimensions: readonly number[];
  readonly probes: number;
  readonly json: boolean;
}

interface Quantiles {
  readonly p50: number;
  readonly p99: number;
}
export interface IdentifyResult {
  readonly people: number;
  readonly dimensions: number;
  readonly identifyMs: Quantiles;
  /** Of the same searches by looking at each row in the calling thread. */
  readonly loopMs: Quantiles;
  /** Share of the best TOP_K of the loop that were found. */
  readonly recall: number;
  /** Of the process, more than before the gallery was there. */
  readonly memoryMb: number;
}

const TOP_K = 5;
const WARM_UP = 20;
/** The loop is slow, and its times vary little. */
const LOOP_PROBES = 60;

export async function runIdentifyBench({ json, ...options }: IdentifyOptions): Promise<void> {
  const results: IdentifyResult[] = [];
  for (const dimensions of options.dimensions)
    for (const people of options.people) results.push(await measure(people, dimensions, options.probes));
  // The largest gallery of the longest embeddings is the figure to go by.
  const { identifyMs, people, recall } = results.at(-1)!;
  const text = json ? JSON.stringify({ identifyMs, people, recall, results }) : table(results);
  process.stdout.write(`${text}\n`);
}

async function measure(count: number, dimensions: number, probes: number): Promise<IdentifyResult> {
  const before = process.memoryUsage.rss();
  const gallery = randomGallery(count, dimensions);
  const copy = { ...gallery, embeddings: gallery.embeddings.slice() };
  const people = await loadPeople(copy, dimensions);
  const [searchMs, loopMs]: [number[], number[]] = [[], []];
  let found = 0;
  try {
    for (let i = -WARM_UP; i < probes; i++) {
      const probe = probeOf(gallery, (i + WARM_UP) % count);
      const startedAt = performance.now();
      const matches = await people.search(probe, TOP_K);
      if (i >= 0) searchMs.push(performance.now() - startedAt);
      if (i < 0 || i >= LOOP_PROBES) continue;
      const loopedAt = performance.now();
      const expected = identify(gallery, probe, TOP_K);
      loopMs.push(performance.now() - loopedAt);
      found += expected.filter(({ person }) => matches.some((match) => match.person === person)).length;
    }
    const memoryMb = (process.memoryUsage.rss() - before - gallery.embeddings.byteLength) / 1e6;
    const recall = found / (TOP_K * loopMs.length);
    return { people: count, dimensions, identifyMs: quantiles(searchMs), loopMs: quantiles(loopMs), recall, memoryMb };
  } finally {
    await people.close();
  }
}

function randomGallery(count: number, dimensions: number): Gallery {
  const embeddings = new Float32Array(count * dimensions);
  for (let row = 0; row < count; row++) fillUnit(embeddings.subarray(row * dimensions, (row + 1) * dimensions));
  return { labels: Array.from({ length: count }, (_, row) => `p${row}`), embeddings, decision: DECISION };
}

/** Another image of the person of a row: its direction, and as much of another one as keeps a cosine of about 0.8. */
function probeOf({ embeddings, labels }: Gallery, row: number): Float32Array {
  const dimensions = embeddings.length / labels.length;
  const probe = fillUnit(new Float32Array(dimensions));
  for (let d = 0; d < dimensions; d++) probe[d]! += (4 / 3) * embeddings[row * dimensions + d]!;
  const length = Math.hypot(...probe);
  return probe.map((x) => x / length);
}

/** Normal values (G. E. P. Box, M. E. Muller, 1958), so that no direction is likelier than another. */
function fillUnit(row: Float32Array): Float32Array {
  for (let d = 0; d < row.length; d++)
    row[d] = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  const length = Math.hypot(...row);
  for (let d = 0; d < row.length; d++) row[d]! /= length;
  return row;
}

function quantiles(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
  return { p50: at(0.5), p99: at(0.99) };
}

function table(results: readonly IdentifyResult[]): string {
  const head = ['people', 'values', 'search p50 / p99 ms', 'loop p50 / p99 ms', `recall of ${TOP_K}`, 'memory MB'];
  const pair = ({ p50, p99 }: Quantiles) => `${p50.toFixed(2)} / ${p99.toFixed(2)}`;
  const rows = new Table({ head, style: { head: [], border: [] } });
  for (const it of results) {
    const cells = [it.people, it.dimensions, pair(it.identifyMs), pair(it.loopMs), it.recall, it.memoryMb.toFixed(0)];
    rows.push(cells.map(String));
  }
  return rows.toString();
}
