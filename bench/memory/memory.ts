/**
 * The memory of collector, verifier and janitor on a set of invented pictures, each actor in a process of its own on a real
 * nats-server, one after the other; of the collector also on the next night, with a model in service and some pictures more.
 * Called by bench/run.ts.
 */
import Table from 'cli-table3';
import { withScratch } from '../../runtime/scratch.ts';
import { withGround } from '../support/ground.ts';
import { measureEmbedding, type EmbeddingFigures } from './embedding.ts';
import { openNight } from './night.ts';
import { writePictures } from './pictures.ts';
import { watch, type MemorySample, type Watched } from './watched.ts';

export interface MemoryBenchOptions {
  readonly images: number;
  /** As `supervisor.memoryMaxMiB`; null: what the machine has. */
  readonly memoryMaxMiB: number | null;
  readonly json: boolean;
}

const MEASURED = ['collector', 'verifier', 'collectorNextNight', 'janitor'] as const;
type Measured = Readonly<Record<(typeof MEASURED)[number], Watched>>;

const IMAGES_PER_PERSON = 20;
/** One picture of so many comes on the next night. */
const NEW_ONE_IN = 100;
/** Lines of the table that people see; `--json` has every sample. */
const LINES_MAX = 12;

export async function runMemoryBench({ images, memoryMaxMiB, json }: MemoryBenchOptions): Promise<void> {
  const people = Math.ceil(images / IMAGES_PER_PERSON);
  const measured = await withScratch(async (folder) => {
    await writePictures(folder, images, people);
    const more = () => writePictures(folder, Math.ceil(images / NEW_ONE_IN), people, images);
    return measure(folder, memoryMaxMiB, more);
  });
  const embedding = await measureEmbedding();
  const of = <T>(figure: (watched: Watched) => T) =>
    Object.fromEntries(MEASURED.map((name) => [name, figure(measured[name])]));
  const result = {
    ...{ images, people, memoryMaxMiB },
    peakRssMb: of((it) => it.peakRssMb),
    childrenPeakRssMb: of((it) => it.childrenPeakRssMb),
    seconds: of((it) => it.seconds),
    series: of((it) => it.series),
    embedding,
  };
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else print(measured, embedding, images, people);
}

function measure(folder: string, memoryMaxMiB: number | null, more: () => Promise<void>): Promise<Measured> {
  return withGround(async ({ nc, url }) => {
    const { config, collect, verify, collectAgain, forget } = await openNight(nc, folder);
    const options = { url, config, memoryMaxMiB };
    const [collector, verifier] = [
      await watch('collector', options, collect),
      await watch('verifier', options, verify),
    ];
    await more();
    return {
      ...{ collector, verifier },
      collectorNextNight: await watch('collector', options, collectAgain),
      janitor: await watch('janitor', options, forget),
    };
  });
}

function print(measured: Measured, { imagesPerSecond, ratio }: EmbeddingFigures, images: number, people: number): void {
  console.log(`${images} images of 112 x 112 x 3, ${people} people`);
  const table = new Table({ head: ['', 'peak RSS', 'of its children', 'time', 'RSS over time, MB'] });
  for (const name of MEASURED) {
    const { peakRssMb, childrenPeakRssMb, seconds, series } = measured[name];
    const [peak, children] = [peakRssMb, childrenPeakRssMb].map((value) => `${value.toFixed(0)} MB`);
    table.push([name, peak, children, `${seconds.toFixed(0)} s`, spread(series)]);
  }
  console.log(table.toString());
  const [file, memory] = [imagesPerSecond.fromFile, imagesPerSecond.fromMemory].map((rate) => rate.toFixed(0));
  console.log(`Embedding: ${file} images/s with pixels in a file, ${memory} in memory, ratio ${ratio.toFixed(3)}`);
}

const spread = (series: readonly MemorySample[]) =>
  Array.from({ length: LINES_MAX }, (_, at) => series[Math.floor((at * (series.length - 1)) / (LINES_MAX - 1))]!)
    .map(({ rssMb }) => rssMb.toFixed(0))
    .join(' ');
