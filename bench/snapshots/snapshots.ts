/**
 * Bytes that a night's snapshot adds to the store, by the server's own count, after a first night of so many images: nothing new, one
 * image in a hundred new, one in a hundred replaced, here and there, one person in a hundred gone. Called by bench/run.ts.
 */
import { createHash } from 'node:crypto';
import Table from 'cli-table3';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { createSweeper, type Sweeper } from '../../infra/stores/sweeper.ts';
import { createLogger } from '../../runtime/logger.ts';
import { encodePng } from '../../services/data/images.ts';
import { collectSnapshot, type Snapshot } from '../../services/data/snapshot.ts';
import type { DataSource } from '../../services/data/strategy.ts';
import { withGround } from '../support/ground.ts';

export interface SnapshotsBenchOptions {
  readonly images: number;
  readonly json: boolean;
}

export interface SnapshotsResult {
  readonly images: number;
  readonly wholeBytes: number;
  /** Of the whole: what a night stores. */
  readonly unchangedShare: number;
  readonly newShare: number;
  readonly replacedShare: number;
  readonly leftShare: number;
  readonly seconds: Readonly<Record<string, number>>;
}

const SPEC = { width: 64, height: 64, channels: 1 } as const;
const SHOTS = 20;
/** One in so many images or people changes. */
const ONE_IN = 100;

export async function runSnapshotsBench({ images, json }: SnapshotsBenchOptions): Promise<void> {
  const result = await measureSnapshots(images);
  if (json) return void process.stdout.write(`${JSON.stringify(result)}\n`);
  const table = new Table({ head: ['night', 'stores', 'seconds'], style: { head: [], border: [] } });
  const { wholeBytes, seconds, unchangedShare, newShare, replacedShare, leftShare } = result;
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  table.push([`the first, ${images} images`, `${(wholeBytes / 1e6).toFixed(1)} MB`, seconds['first']]);
  table.push(['nothing new', percent(unchangedShare), seconds['unchanged']]);
  table.push(['1 % of the images are new', percent(newShare), seconds['new']]);
  table.push(['1 % of the images are replaced', percent(replacedShare), seconds['replaced']]);
  table.push(['1 % of the people are gone', percent(leftShare), seconds['left']]);
  process.stdout.write(`${table.toString()}\n`);
}

/** `turn` 1 is another picture in the place of the first one. */
interface Picture {
  readonly person: number;
  readonly shot: number;
  readonly turn: number;
}

export const measureSnapshots = (images: number): Promise<SnapshotsResult> =>
  withGround(async ({ nc }) => {
    const [blobs, sweeper] = [createBlobStore(nc, 'bench'), await createSweeper(nc)];
    const people = Math.ceil(images / SHOTS);
    const seconds: Record<string, number> = {};
    const night = async (name: string, champion: Snapshot | null, pictures: readonly Picture[]) => {
      const [before, startedAt] = [await bytesIn(sweeper), performance.now()];
      const snapshot = await collectSnapshot({
        ...{ sources: [sourceOf(pictures)], image: SPEC, holdOut: { share: 0, min: 0 }, blobs },
        split: { strategy: 'content-hash', validation: 0.1, probe: 0.1 },
        champion: champion?.dataset ?? null,
        ...{ signal: new AbortController().signal, progress: () => {}, log: createLogger({ level: 'silent' }) },
      });
      seconds[name] = Math.round((performance.now() - startedAt) / 100) / 10;
      return { snapshot, bytes: (await bytesIn(sweeper)) - before };
    };
    const all = Array.from({ length: images }, (_, at) => ({
      ...{ person: at % people, shot: Math.floor(at / people), turn: 0 },
    }));
    const first = await night('first', null, all);
    const share = async (name: string, pictures: readonly Picture[]) =>
      (await night(name, first.snapshot, pictures)).bytes / first.bytes;
    const added = all.slice(0, Math.ceil(images / ONE_IN)).map(({ person }) => ({ person, shot: SHOTS, turn: 0 }));
    // Of as many people.
    const isReplaced = ({ person, shot }: Picture) => (person * 31 + shot * 17) % ONE_IN === 0;
    const replaced = all.map((picture) => (isReplaced(picture) ? { ...picture, turn: 1 } : picture));
    return {
      ...{ images, wholeBytes: first.bytes },
      unchangedShare: await share('unchanged', all),
      newShare: await share('new', [...all, ...added]),
      replacedShare: await share('replaced', replaced),
      leftShare: await share(
        'left',
        all.filter(({ person }) => person % ONE_IN !== 0),
      ),
      seconds,
    };
  });

const bytesIn = async (sweeper: Sweeper) =>
  (await sweeper.sizes()).filter(({ name }) => name.startsWith('OBJ_')).reduce((sum, { bytes }) => sum + bytes, 0);

/** Person by person, as folders are read. */
function sourceOf(pictures: readonly Picture[]): DataSource {
  const order = pictures.toSorted((a, b) => a.person - b.person || a.shot - b.shot);
  return {
    ...{ name: 'people', type: 'bench' },
    async *samples() {
      for (const picture of order) {
        const { person, shot } = picture;
        const bytes = await encodePng(pixelsOf(picture), SPEC);
        yield { id: `${person}/${shot}`, label: `person ${person}`, bytes, total: order.length };
      }
    },
  };
}

/** Waves with a little noise: compresses about as a photograph of this size does. */
function pixelsOf({ person, shot, turn }: Picture): Uint8Array {
  const hash = createHash('shake256', { outputLength: SPEC.width * SPEC.height });
  const noise = hash.update(`${person} ${shot} ${turn}`).digest();
  return noise.map((value, at) => {
    const [x, y] = [at % SPEC.width, Math.floor(at / SPEC.width)];
    return 128 + 50 * Math.sin((x + person) / 7) + 50 * Math.cos((y * (1 + (shot % 5))) / 9) + value / 16;
  });
}
